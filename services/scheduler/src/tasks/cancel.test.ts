/**
 * Cancelling: accepted, and nothing is left; or refused, and the task gets to its end. That every saga keeps to it is
 * among the saga tests.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, until, World } from "../testing/world.ts";
import { gib } from "../units.ts";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world[Symbol.asyncDispose]());

const taskOf = (id: Parameters<World["ended"]>[0]["id"]) => world.call("task.get", { id });
const snapshotsOf = async (id: Parameters<World["remove"]>[0]) =>
  (await world.call("snapshot.list", { id })).items.length;

test("a delete that is cancelled while the instance is undefined keeps its disks", async () => {
  const instance = await world.created();
  const gate = Promise.withResolvers<void>();
  world.cell.onCommand = (name) => (name === "cell.instance.undefine" ? gate.promise : undefined);
  const task = await world.remove(instance.id);
  await until("undefine runs", () => world.cell.count("cell.instance.undefine") > 0);
  expect((await taskOf(task.id)).cancellable).toBe(true);
  expect((await world.call("task.cancel", { id: task.id })).cancellable).toBe(false);
  gate.resolve();
  expect((await world.ended(task)).state).toBe("cancelled");
  expect([...world.cell.disks.keys()]).toEqual([`${instance.id}/system`]);
  expect((await world.call("instance.get", { id: instance.id })).state).toBe("stopped");
  await expectInvariants(world);
});

test("once its disks are being deleted, a cancel is refused", async () => {
  const instance = await world.created();
  const gate = Promise.withResolvers<void>();
  world.cell.onCommand = (name) => (name === "cell.disk.delete" ? gate.promise : undefined);
  const task = await world.remove(instance.id);
  await until("disks are being deleted", () => world.cell.count("cell.disk.delete") > 0);
  expect((await taskOf(task.id)).cancellable).toBe(false);
  expect(await codeOf(world.call("task.cancel", { id: task.id }))).toBe("not-cancellable");
  gate.resolve();
  expect((await world.ended(task)).state).toBe("done");
});

test("going back to a snapshot is not cancelled half-way", async () => {
  const { id } = await world.created();
  await world.ended(await world.call("snapshot.create", { id, name: "one" }));
  const [snapshot] = (await world.call("snapshot.list", { id })).items;
  if (!snapshot) throw new Error("It was taken");
  const gate = Promise.withResolvers<void>();
  world.cell.onCommand = (name) => (name === "cell.snapshot.restore" ? gate.promise : undefined);
  const task = await world.call("snapshot.restore", { id, snapshot: snapshot.id });
  await until("it goes back", () => world.cell.count("cell.snapshot.restore") > 0);
  expect(await codeOf(world.call("task.cancel", { id: task.id }))).toBe("not-cancellable");
  gate.resolve();
  expect((await world.ended(task)).state).toBe("done");
});

test("a cancel that is repeated, with its key or without, during the undo or after the end, is answered alike and does no harm", async () => {
  const { id } = await world.created();
  const taking = Promise.withResolvers<void>();
  const undoing = Promise.withResolvers<void>();
  world.cell.onCommand = (name) => {
    if (name === "cell.snapshot.create") return taking.promise;
    return name === "cell.snapshot.delete" ? undoing.promise : undefined;
  };
  const task = await world.call("snapshot.create", { id, name: "one" });
  await until("it is asked for", () => world.cell.count("cell.snapshot.create") > 0);
  const key = { idempotencyKey: crypto.randomUUID() };
  const cancel = (context = {}) => world.call("task.cancel", { id: task.id }, context);
  expect((await cancel(key)).cancellable).toBe(false);
  expect((await cancel()).cancellable).toBe(false);
  taking.resolve();
  await until("it is undone", () => world.cell.count("cell.snapshot.delete") > 0);
  expect((await cancel(key)).id).toBe(task.id);
  expect((await cancel()).state).toBe("unwinding");
  undoing.resolve();
  expect((await world.ended(task)).state).toBe("cancelled");
  expect((await cancel(key)).id).toBe(task.id);
  expect((await cancel()).state).toBe("cancelled");
  expect(await snapshotsOf(id)).toBe(0);
  await expectInvariants(world);
});

test("cancels of one task at the same time are all accepted, and it is undone once", async () => {
  const { id } = await world.created();
  const gate = Promise.withResolvers<void>();
  world.cell.onCommand = (name) => (name === "cell.disk.create" ? gate.promise : undefined);
  const task = await world.call("disk.add", { id, sizeGiB: gib(3) });
  await until("it is made", () => world.cell.count("cell.disk.create") > 1);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => codeOf(world.call("task.cancel", { id: task.id }))),
  );
  expect(new Set(answers)).toEqual(new Set(["no error"]));
  gate.resolve();
  expect((await world.ended(task)).state).toBe("cancelled");
  await expectInvariants(world);
});

test("what ended by itself cannot be cancelled, and says so", async () => {
  const { id } = await world.created();
  const task = await world.ended(await world.call("instance.start", { id }));
  await expect(world.call("task.cancel", { id: task.id })).rejects.toMatchObject({
    code: "not-cancellable",
    message: expect.stringContaining("it is done"),
  });
});
