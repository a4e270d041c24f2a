/** A database that cannot be written for a while (a full disk, another's lock) delays tasks, and loses none. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { sql } from "kysely";
import { expectInvariants } from "../testing/invariants.ts";
import { idOf, until, World } from "../testing/world.ts";
import { gib } from "../units.ts";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world[Symbol.asyncDispose]());

/** From now on such a write of the table fails. */
const failing = async (table: string, write = "update"): Promise<() => Promise<void>> => {
  const name = sql.id(`full_${table}`);
  await sql`create trigger ${name} before ${sql.raw(write)} on ${sql.table(table)}
    begin select raise(abort, 'database or disk is full'); end`.execute(world.db);
  return async () => {
    await sql`drop trigger ${name}`.execute(world.db);
  };
};

const held = (command: string) => {
  const gate = Promise.withResolvers<void>();
  world.cell.onCommand = (name) => (name === command ? gate.promise : undefined);
  return gate;
};

test("a task whose row could not be written goes on by itself, and shows meanwhile what keeps it", async () => {
  const { id } = await world.created();
  const gate = held("cell.instance.start");
  const task = await world.call("instance.start", { id });
  await until("it is asked for", () => world.cell.count("cell.instance.start") > 0);
  const mended = await failing("tasks");
  gate.resolve();
  await until("it says so", async () => {
    const { obstacle, state } = await world.call("task.get", { id: task.id });
    return state === "running" && obstacle?.includes("database or disk is full") === true;
  });
  await mended();
  const ended = await world.ended(task);
  expect([ended.state, ended.obstacle]).toEqual(["done", undefined]);
  await expectInvariants(world);
});

test("on the way back, too", async () => {
  const { id } = await world.created();
  const gate = held("cell.snapshot.create");
  const task = await world.call("snapshot.create", { id, name: "one" });
  await until("it is asked for", () => world.cell.count("cell.snapshot.create") > 0);
  await world.call("task.cancel", { id: task.id });
  const mended = await failing("tasks");
  gate.resolve();
  await until("it says so", async () => (await world.call("task.get", { id: task.id })).obstacle !== undefined);
  await mended();
  expect((await world.ended(task)).state).toBe("cancelled");
  await expectInvariants(world);
});

test("a cancel that is accepted while it waits to go on turns it round", async () => {
  const { id } = await world.created();
  const gate = held("cell.disk.create");
  const task = await world.call("disk.add", { id, sizeGiB: gib(3) });
  await until("it is asked for", () => world.cell.count("cell.disk.create") > 1);
  const mended = await failing("tasks", "update of step");
  gate.resolve();
  await until("it says so", async () => (await world.call("task.get", { id: task.id })).obstacle !== undefined);
  expect((await world.call("task.cancel", { id: task.id })).cancellable).toBe(false);
  await mended();
  expect((await world.ended(task)).state).toBe("cancelled");
  await expectInvariants(world);
});

test("a step whose own write fails is tried again", async () => {
  const { id } = await world.created();
  const mended = await failing("instances", "delete");
  const task = await world.remove(id);
  await until("it says so", async () => {
    const { obstacle } = await world.call("task.get", { id: task.id });
    return obstacle?.includes("database or disk is full") === true;
  });
  await mended();
  expect((await world.ended(task)).state).toBe("done");
  await expectInvariants(world);
});

test("who waits for a task that could not be ended is driven when it has", async () => {
  const gate = held("cell.disk.create");
  const create = await world.create();
  await until("it is asked for", () => world.cell.count("cell.disk.create") > 0);
  const remove = await world.remove(idOf(create));
  const mended = await failing("tasks", "update of step");
  gate.resolve();
  await until("it says so", async () => (await world.call("task.get", { id: create.id })).obstacle !== undefined);
  await mended();
  expect((await world.ended(remove)).state).toBe("done");
  await expectInvariants(world);
});

test("a cell that falls silent while nothing can be written is lost with its instances a little later", async () => {
  const { id } = await world.created();
  const mended = await failing("outbox", "insert");
  world.cell.leave();
  await until("it is offline", async () => !(await world.call("cell.get", { id: world.cell.id })).online);
  expect((await world.call("instance.get", { id })).state).toBe("stopped");
  await mended();
  await until("its instances are lost", async () => (await world.call("instance.get", { id })).state === "lost");
});
