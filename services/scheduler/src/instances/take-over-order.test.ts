/**
 * The orders in which an answer to `cell.instance.list` and reports of the same instances can meet, while a fresh
 * database takes over a cell. Each is forced: the answer waits at the cell's door, and the database is held while what
 * is to meet arrives.
 */
import { afterEach, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import type { InstanceId } from "@nano/contract";
import { pool, until, World } from "../testing/world.ts";
import { mib } from "../units.ts";

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

const deadly = ["cell.instance.undefine", "cell.instance.stop", "cell.disk.delete"] as const;
const deadlyCommands = () => world.cell.commands.filter(({ name }) => deadly.some((each) => each === name));

/** A fresh database that has just asked the cell for its five running guests; the answer waits. */
const asking = async () => {
  world = await World.start();
  const { cell } = world;
  for (let n = 0; n < 5; n++) await world.created({ start: true });
  await world.stopScheduler();
  for (const suffix of ["", "-wal", "-shm"]) await rm(world.databaseFile + suffix, { force: true });
  await world.startScheduler();
  await until("the cell is discovered", async () => (await world.call("cell.get", { id: cell.id })).online);
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  cell.answering = () => {
    asked.resolve();
    return answer.promise;
  };
  await world.call("cell.add", { id: cell.id, pool });
  await asked.promise;
  return { cell, ids: [...cell.domains.keys()], answer: () => answer.resolve() };
};

/** Nothing is read or written while `work` runs; what it sent has arrived when the database is let go. */
const whileDatabaseIsHeld = async (work: () => void) => {
  const { cell } = world;
  const transaction = await world.db.startTransaction().execute();
  work();
  // The answer is sent in this turn of the event loop, and what is sent after it is heard after it.
  await new Promise((resolve) => setImmediate(resolve));
  const marker = cell.load.memoryUsedMiB + 1;
  cell.load = { ...cell.load, memoryUsedMiB: mib(marker) };
  cell.heartbeat();
  const { registry } = world.scheduler;
  // Asked in memory: the database is held.
  await until("all of it has arrived", () => registry.find(cell.id)?.load.memoryUsedMiB === marker);
  await transaction.rollback().execute();
};

const allTakenOver = async (ids: readonly InstanceId[]) => {
  await until("all are taken over", async () => {
    const { items } = await world.call("instance.list", {});
    return items.length === ids.length && items.every(({ state }) => state === "running");
  });
  for (let n = 0; n < 2; n++) world.cell.inventory();
  // What comes after them has been heard.
  const [first] = ids;
  if (!first) throw new Error("There is no guest");
  world.cell.become(first, "paused");
  await until("all is heard", async () => (await world.call("instance.get", { id: first })).state === "paused");
  expect(deadlyCommands()).toEqual([]);
  expect([...world.cell.domains.keys()]).toEqual([...ids]);
  expect((await world.call("stray.list", {})).items).toEqual([]);
};

test("f19b9ab: the answer lists strangers, a report makes the record of the last one, then the answer's turn comes to it", async () => {
  const { cell, ids, answer } = await asking();
  await whileDatabaseIsHeld(() => {
    answer();
    for (const id of ids.slice(1)) cell.report(id);
  });
  await allTakenOver(ids);
});

test("a report finds no record, the answer makes it, then the report's turn comes to it", async () => {
  const { cell, ids, answer } = await asking();
  await whileDatabaseIsHeld(() => {
    for (const id of ids) cell.report(id);
    answer();
  });
  await allTakenOver(ids);
});

test("the answer, an inventory and a report of each list the same strangers at once", async () => {
  const { cell, ids, answer } = await asking();
  await whileDatabaseIsHeld(() => {
    cell.inventory();
    answer();
    for (const id of [...ids].reverse()) cell.report(id);
    cell.inventory();
  });
  await allTakenOver(ids);
});

test("the answer comes when its instances are on record already, made by reports", async () => {
  const { cell, ids, answer } = await asking();
  for (const id of ids) cell.report(id);
  await until("they are taken over", async () => (await world.call("instance.list", {})).items.length === ids.length);
  await whileDatabaseIsHeld(() => {
    answer();
    for (const id of ids) cell.report(id);
  });
  await allTakenOver(ids);
});
