import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Instance, limits, type SnapshotId } from "@nano/contract";
import { codeOf, until, World } from "../testing/world.ts";
import { findInstance } from "./store.ts";
import { requireNoSnapshots } from "./without-snapshots.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world[Symbol.asyncDispose]());

const get = (id: Instance["id"]) => world.call("instance.get", { id });
const list = async (id: Instance["id"]) => (await world.call("snapshot.list", { id })).items;
const take = async (id: Instance["id"], name: string, more: { memory?: boolean; description?: string } = {}) => {
  const task = await world.ended(await world.call("snapshot.create", { id, name, ...more }));
  expect(task.state).toBe("done");
  const found = (await list(id)).find((each) => each.name === name);
  if (!found) throw new Error("It was taken");
  return found.id;
};
const nobody = Bun.randomUUIDv7() as SnapshotId;

test("a tree grows, is gone back in, and is pruned from its leaves", async () => {
  const { id } = await world.created();
  const first = await take(id, "first", { description: "clean" });
  const second = await take(id, "second");
  expect(await list(id)).toMatchObject([
    { id: first, name: "first", description: "clean", createdBy: "gateway", current: false, running: false },
    { id: second, parent: first, current: true, memory: false },
  ]);
  expect(await get(id)).toMatchObject({ snapshots: 2, state: "stopped" });
  for (const snapshot of [first, second])
    expect(await codeOf(world.call("snapshot.delete", { id, snapshot }))).toBe("snapshot-in-use");

  await world.ended(await world.call("snapshot.restore", { id, snapshot: first }));
  expect(await list(id)).toMatchObject([{ current: true }, { current: false }]);
  const branch = await take(id, "branch");
  expect((await list(id)).find((each) => each.id === branch)).toMatchObject({ parent: first });
  await world.ended(await world.call("snapshot.delete", { id, snapshot: second }));
  await world.ended(await world.call("snapshot.delete", { id, snapshot: first, force: true }));
  const [left, ...others] = await list(id);
  expect(left).toMatchObject({ id: branch, current: true });
  expect(left?.parent).toBeUndefined();
  expect(others).toEqual([]);
});

test("of a running one memory is kept unless told; it is stopped for going back only when that is asked for", async () => {
  const { id } = await world.created({ start: true });
  const withMemory = await take(id, "with memory");
  const disks = await take(id, "disks", { memory: false });
  expect(await list(id)).toMatchObject([
    { running: true, memory: true },
    { running: true, memory: false },
  ]);
  expect(await codeOf(world.call("snapshot.restore", { id, snapshot: withMemory }))).toBe("wrong-state");
  await world.ended(await world.call("snapshot.restore", { id, snapshot: disks, force: true }));
  expect((await get(id)).state).toBe("stopped");
  await world.ended(await world.call("snapshot.restore", { id, snapshot: withMemory, force: true }));
  expect((await get(id)).state).toBe("running");
});

test("what cannot be is refused before anything begins", async () => {
  const { id } = await world.created();
  const refused = async (call: Promise<unknown>, code: string) => expect(await codeOf(call)).toBe(code);
  await refused(world.call("snapshot.create", { id, name: "x", memory: true }), "wrong-state");
  await refused(world.call("snapshot.create", { id, name: "" }), "invalid-input");
  await refused(world.call("snapshot.create", { id, name: "a\u0000b" }), "invalid-input");
  await refused(world.call("snapshot.restore", { id, snapshot: nobody }), "snapshot-not-found");
  await refused(world.call("snapshot.delete", { id, snapshot: nobody }), "snapshot-not-found");
  await take(id, "x");
  await refused(world.call("snapshot.create", { id, name: "x" }), "name-taken");
  const other = Bun.randomUUIDv7() as Instance["id"];
  await refused(world.call("snapshot.list", { id: other }), "instance-not-found");
  await refused(world.call("snapshot.create", { id: other, name: "x" }), "instance-not-found");

  const uefi = await world.created({ template: "linux-uefi" });
  await refused(world.call("snapshot.create", { id: uefi.id, name: "x" }), "unsupported-by-cell");

  const domain = world.cell.domains.get(id);
  const [one] = domain?.snapshots ?? [];
  if (!domain || !one) throw new Error("It has one");
  domain.snapshots = Array.from({ length: limits.snapshots }, (_, i) => ({ ...one, name: `${i}` }));
  await refused(world.call("snapshot.create", { id, name: "one more" }), "limit-reached");
});

test("the cell's own refusal fails the task and leaves nothing; the lock is given back", async () => {
  const { id } = await world.created();
  world.cell.onCommand = (name) => {
    if (name !== "cell.snapshot.create") return;
    world.cell.onCommand = () => {};
    throw new (class extends Error {})("broke");
  };
  const task = await world.ended(await world.call("snapshot.create", { id, name: "x" }));
  expect(task.state).toBe("failed");
  expect(await list(id)).toEqual([]);
  expect((await get(id)).task).toBeUndefined();
});

test("one at a time, and the same key the same one", async () => {
  const { id } = await world.created();
  const key = Bun.randomUUIDv7();
  const calls = await Promise.all([
    world.call("snapshot.create", { id, name: "a" }, { idempotencyKey: key }),
    world.call("snapshot.create", { id, name: "a" }, { idempotencyKey: key }),
  ]);
  expect(calls[0]?.id).toBe(calls[1]?.id ?? "");
  await Promise.all(calls.map((task) => world.ended(task)));
  expect(await list(id)).toHaveLength(1);
});

test("while there are snapshots, disks keep their number and size; with the instance they go", async () => {
  const { id } = await world.created();
  await take(id, "x");
  const row = await findInstance(world.db, id);
  if (!row) throw new Error("It is there");
  expect(() => requireNoSnapshots(row, "grow a disk")).toThrow("s snapshot to grow a disk");
  expect(() => requireNoSnapshots({ ...row, snapshots: 0 }, "grow a disk")).not.toThrow();
  await world.ended(await world.remove(id));
  expect(world.cell.domains.has(id)).toBe(false);
});

test("a cell that is away is said so", async () => {
  const { id } = await world.created();
  world.cell.leave();
  await until("it is offline", async () => !(await world.call("cell.get", { id: world.cell.id })).online);
  expect(await codeOf(world.call("snapshot.list", { id }))).toBe("cell-offline");
  expect(await codeOf(world.call("snapshot.create", { id, name: "x" }))).toBe("cell-offline");
  world.cell.beat();
});
