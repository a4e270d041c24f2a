import { afterAll, beforeAll, expect, test } from "bun:test";
import { decode, PoolNameSchema } from "@nano/contract";
import { TestCell, testCellId } from "../testing/cell.ts";
import { codeOf, pool, until, World } from "../testing/world.ts";
import { gib, mib } from "../units.ts";

let world: World;
beforeAll(async () => {
  world = await World.start({ cells: [] });
});
afterAll(() => world[Symbol.asyncDispose]());

const other = decode(PoolNameSchema, "other", "Naming a pool");

test("a cell is discovered, hosts nothing, is added, and is in one pool at most", async () => {
  const cell = await TestCell.start(world.testBus, { id: testCellId(7), name: "node-7" });
  world.cells.push(cell);
  await until("it is discovered", () => world.call("cell.get", { id: cell.id }).then(() => true));
  const { items: unassigned } = await world.call("cell.list", { unassigned: true });
  expect(unassigned.map(({ id }) => id)).toEqual([cell.id]);
  expect(await codeOf(world.create())).toBe("no-room");
  for (const name of ["cell.remove", "cell.enable", "cell.disable"] as const)
    expect(await codeOf(world.call(name, { id: cell.id }))).toBe("cell-not-in-pool");
  expect(await codeOf(world.call("cell.add", { id: cell.id, pool: other }))).toBe("pool-not-found");

  const added = await world.call("cell.add", { id: cell.id, pool }, { idempotencyKey: "c-1" });
  expect(added.pool).toBe(pool);
  expect(await world.call("cell.add", { id: cell.id, pool }, { idempotencyKey: "c-1" })).toEqual(added);
  expect(await codeOf(world.call("cell.add", { id: cell.id, pool }))).toBe("cell-in-pool");
  const instance = await world.created();
  expect(await codeOf(world.call("cell.remove", { id: cell.id }))).toBe("cell-not-empty");
  expect((await world.call("pool.get", { name: pool })).cells).toEqual({ total: 1, online: 1 });

  const figures = await world.call("zone.get", {});
  expect(figures).toMatchObject({ pools: { total: 1 }, cells: { online: 1, offline: 0, unassigned: 0 } });
  expect(figures.reserved).toEqual({ cores: 1, memoryMiB: mib(512), storageGiB: gib(2) });

  await world.ended(await world.remove(instance.id));
  expect((await world.call("cell.remove", { id: cell.id })).pool).toBeUndefined();
  expect(await codeOf(world.create())).toBe("no-room");
});

test("pools are created once and deleted empty; `default` stays", async () => {
  const input = { name: other, description: "Elsewhere" };
  const made = await world.call("pool.create", input, { idempotencyKey: "p-1" });
  expect(await world.call("pool.create", input, { idempotencyKey: "p-1" })).toEqual(made);
  expect(await codeOf(world.call("pool.create", input))).toBe("name-taken");
  expect((await world.call("pool.list", {})).items.map(({ name }) => name)).toEqual([pool, other]);
  const first = await world.call("pool.list", { limit: 1 });
  expect(first).toMatchObject({ total: 2, items: [{ name: pool }] });
  expect((await world.call("pool.list", { limit: 1, cursor: first.next ?? "" })).items[0]?.name).toBe(other);

  const cell = world.cells[0]?.id ?? testCellId(7);
  await world.call("cell.add", { id: cell, pool: other });
  expect(await codeOf(world.call("pool.delete", { name: other }))).toBe("pool-not-empty");
  await world.call("cell.remove", { id: cell });
  await world.call("pool.delete", { name: other });
  expect(await codeOf(world.call("pool.get", { name: other }))).toBe("pool-not-found");
  expect(await codeOf(world.call("pool.delete", { name: pool }))).toBe("pool-protected");
});

test("what a cell says of itself is shown as it changes, and kept over a restart", async () => {
  const cell = world.cells[0];
  if (!cell) throw new Error("There is no cell");
  cell.load = { cpuPercent: 55, memoryUsedMiB: mib(1_234), storageUsedGiB: gib(9) };
  await until("its load is known", async () => (await world.call("cell.get", { id: cell.id })).load.cpuPercent === 55);
  await world.restartScheduler();
  await until("it is heard again", async () => (await world.call("cell.get", { id: cell.id })).online);
  expect((await world.call("cell.get", { id: cell.id })).name).toBe("node-7");
});

test("its story is told by events, in order", async () => {
  const id = testCellId(7);
  await until("the events are out", async () => {
    const { items } = await world.call("event.list", { id });
    const names = items.map(({ name }) => name).filter((name) => name !== "cell.load");
    expect(names.slice(0, 3)).toEqual(["cell.discovered", "cell.online", "cell.added"]);
    return true;
  });
});
