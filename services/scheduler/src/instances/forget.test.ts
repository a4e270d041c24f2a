/** A host that never returns: what was on it can be forgotten, and what waits for it ended. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { type Instance, NanoError, type Permission, type Task } from "@nano/contract";
import type { TestCell } from "../testing/cell.ts";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, idOf, pool, until, World } from "../testing/world.ts";

// A cell is away after 3.5 s.
setDefaultTimeout(30_000);

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

const cellOf = ({ cell }: Pick<Instance, "cell">): TestCell => {
  const found = world.cells.find(({ id }) => id === cell);
  if (!found) throw new Error("Its cell is missing");
  return found;
};
const isLost = ({ id }: Pick<Instance, "id">) =>
  until("it is lost", async () => (await world.call("instance.get", { id })).state === "lost");
const strays = async () => (await world.call("stray.list", {})).items;
const stateOf = async ({ id }: Pick<Task, "id">) => (await world.call("task.get", { id })).state;

test("an instance of a dead cell is forgotten: its name and its room are free at once", async () => {
  world = await World.start({ cells: [{}, {}], overrides: { proofMs: 0 } });
  const instance = await world.created({ start: true });
  const { id, name } = instance;
  const dead = cellOf(instance);
  expect(await codeOf(world.call("instance.forget", { id })), "its cell answers").toBe("wrong-state");
  dead.leave();
  await dead.stop();
  await isLost(instance);
  expect(await codeOf(world.call("cell.remove", { id: dead.id }))).toBe("cell-not-empty");

  await world.call("instance.forget", { id });
  expect(await codeOf(world.call("instance.get", { id }))).toBe("instance-not-found");
  expect((await world.call("cell.get", { id: dead.id })).reserved).toMatchObject({ cores: 0, storageGiB: 0 });
  const other = await world.created({ name });
  expect(other.cell).not.toBe(dead.id);
  await world.call("cell.remove", { id: dead.id });
});

test.each(["running", "stopped"] as const)(
  "when the cell comes back, what was forgotten is shown: %s",
  async (state) => {
    world = await World.start({ cells: [{}, {}], overrides: { proofMs: 0 } });
    const instance = await world.created({ start: state === "running" });
    const { id, name } = instance;
    const cell = cellOf(instance);
    await cell.stop();
    await isLost(instance);
    await world.call("instance.forget", { id });
    const back = await world.startCellAgain(cell);
    await until("it is shown", async () => (await strays()).length === 1);
    for (let n = 0; n < 3; n++) back.inventory();
    expect(await strays()).toMatchObject([{ cell: back.id, id, name, reason: "forgotten", state }]);
    expect(back.count("cell.instance.undefine")).toBe(0);
    expect(await codeOf(world.call("instance.get", { id }))).toBe("instance-not-found");

    // The record that has its name meanwhile keeps it.
    await world.created({ name });
    if (state === "running") {
      const adopted = await world.call("stray.adopt", { cell: back.id, id });
      expect(adopted).toMatchObject({ id, state, cell: back.id });
      expect(adopted.name).not.toBe(name);
      back.inventory();
      await until("it is not shown any more", async () => (await strays()).length === 0);
    } else {
      await world.call("stray.remove", { cell: back.id, id });
      back.inventory();
      expect(await strays()).toEqual([]);
      expect([...back.domains.keys()]).not.toContain(id);
    }
    await expectInvariants(world);
  },
);

test("a task that unwinds on a dead cell can be ended, and what it left is removed when the cell is back", async () => {
  world = await World.start({ overrides: { proofMs: 0 } });
  world.cell.onCommand = async (name) => {
    if (name === "cell.instance.define") await world.cell.stop();
  };
  const task = await world.create();
  await until("it waits", async () => (await world.call("task.get", { id: task.id })).obstacle !== undefined);
  await world.call("task.cancel", { id: task.id });
  await until("it unwinds", async () => (await stateOf(task)) === "unwinding");
  expect((await world.call("task.get", { id: task.id })).cancellable).toBe(true);
  await world.call("task.cancel", { id: task.id });
  const ended = await world.ended(task);
  expect(ended).toMatchObject({ state: "cancelled", cancellable: false, error: { code: "cell-offline" } });
  expect(await codeOf(world.call("instance.get", { id: idOf(task) }))).toBe("instance-not-found");
  await world.restartScheduler({ proofMs: 0 });
  expect(await stateOf(task)).toBe("cancelled");

  const { disks } = world.cell;
  expect(disks.size).toBe(1);
  const back = await world.startCellAgain(world.cell);
  back.onCommand = () => {};
  await until("nothing is left", () => {
    back.inventory();
    return back.disks.size === 0 && back.domains.size === 0;
  });
  await expectInvariants(world);
});

test("a delete that waits for a dead cell can be ended: the record goes, and the rest when the cell is back", async () => {
  world = await World.start({ overrides: { proofMs: 0 } });
  const instance = await world.created();
  world.cell.onCommand = async (name) => {
    if (name === "cell.disk.delete") await world.cell.stop();
  };
  const task = await world.remove(instance.id);
  await until("it waits", async () => (await world.call("task.get", { id: task.id })).obstacle !== undefined);
  await until("its cell is away", async () => (await world.call("task.get", { id: task.id })).cancellable);
  await world.call("task.cancel", { id: task.id });
  expect((await world.ended(task)).state).toBe("cancelled");
  expect(await codeOf(world.call("instance.get", { id: instance.id }))).toBe("instance-not-found");
  const back = await world.startCellAgain(world.cell);
  back.onCommand = () => {};
  await until("nothing is left", () => {
    back.inventory();
    return back.disks.size === 0 && back.domains.size === 0;
  });
  await expectInvariants(world);
});

test("forgetting an instance ends the task that works on it, and frees the other one of a clone", async () => {
  world = await World.start({ overrides: { proofMs: 0 } });
  const source = await world.created();
  world.cell.onCommand = (name) => {
    if (name !== "cell.disk.copy") return;
    world.cell.rest();
    throw new NanoError("unavailable", "It loses its power");
  };
  const clone = await world.call("instance.clone", { id: source.id, name: "a-clone", mode: "full" });
  if (clone.kind !== "task") throw new Error("A plan was not asked for");
  await isLost(source);
  await world.call("instance.forget", { id: source.id });
  expect((await world.ended(clone)).state).toBe("cancelled");
  expect((await world.call("instance.list", {})).items).toEqual([]);
  const back = world.cell;
  back.restart();
  await until("the source is shown, and nothing is left of the clone", async () => {
    back.inventory();
    return (await strays()).length === 1 && back.disks.size === 1;
  });
  expect(await strays()).toMatchObject([{ id: source.id, reason: "forgotten" }]);
});

test("who may only look after cells ends no instance by way of its cell", async () => {
  world = await World.start({ overrides: { proofMs: 0 } });
  const { id } = await world.created();
  const { cell } = world;
  const person = (...permissions: Permission[]) => ({
    actor: { kind: "user", id: "p", name: "porter", permissions } as const,
  });
  const porter = person("cell.read", "cell.write", "instance.operate");
  const owner = person("cell.read", "cell.write", "instance.delete");
  const forget = { id: cell.id, force: true };

  const { message, details } = NanoError.from(await world.call("cell.forget", forget, porter).catch((e) => e), "");
  expect([message, details]).toEqual(["porter may not instance.forget", { permission: "instance.delete" }]);
  expect((await world.call("instance.get", { id })).state).toBe("stopped");
  expect((await world.call("cell.get", { id: cell.id })).online).toBe(true);

  cell.leave();
  await cell.stop();
  await until("it is away", async () => !(await world.call("cell.get", { id: cell.id })).online);
  await world.call("cell.forget", forget, owner);
  await world.call("cell.readmit", { id: cell.id }, porter);
  await world.restartScheduler({ proofMs: 0 });
  const back = await world.startCellAgain(cell);
  await until("it is back", () => world.call("cell.get", { id: cell.id }).then(({ online }) => online));
  await world.call("cell.add", { id: cell.id, pool }, porter);
  await until("its instance is shown", async () => {
    back.inventory();
    return (await strays()).length === 1;
  });
  const stray = { cell: cell.id, id };
  expect(await codeOf(world.call("stray.remove", stray, porter))).toBe("forbidden");
  expect(await codeOf(world.call("instance.batch", { action: "delete", ids: [id] }, porter))).toBe("forbidden");
  expect([...back.domains.keys()]).toContain(id);
  expect(back.disks.size).toBe(1);
  await world.call("stray.remove", stray, owner);
  expect(back.disks.size).toBe(0);
  // A cell that hosts nothing is the porter's business.
  await world.call("cell.forget", forget, porter);
});
