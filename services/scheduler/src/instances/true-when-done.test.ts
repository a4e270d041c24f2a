/**
 * What a task did is true when it says that it is done, and its opposite is accepted at once. The cell reports in the
 * worst moment: each time it has been given a command and has not done it yet.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Input, Instance, OperationName, Task } from "@nano/contract";
import { readyMedia } from "../testing/images.ts";
import { codeOf, World } from "../testing/world.ts";
import { gib, mib } from "../units.ts";

let world: World;
let instance: Instance;

beforeAll(async () => {
  world = await World.start();
  instance = await world.created();
  let said = 0;
  world.cell.onCommand = async (_, input) => {
    if (typeof input !== "object" || input === null || !("id" in input)) return;
    // Something about it changed, and what is reported is how it was before the command.
    const domain = world.cell.domains.get(instance.id);
    if (domain) domain.stateReason = crypto.randomUUID();
    world.cell.report(instance.id);
    if (++said % 2 === 0) world.cell.inventory();
    await Bun.sleep(5);
  };
});
afterAll(() => world[Symbol.asyncDispose]());

type Of<N extends OperationName> = Omit<Input<N>, "id">;
/** Asks for it, waits for the end, and looks. */
const after = async <N extends Exclude<Parameters<World["call"]>[0], undefined>>(name: N, more: Of<N>) => {
  const task = await world.call(name, { id: instance.id, ...more } as Input<N>);
  const ended = await world.ended(task as Task);
  expect(ended.state, `${name}: ${ended.error?.message}`).toBe("done");
  const now = await world.call("instance.get", { id: instance.id });
  expect(now.task).toBeUndefined();
  return now;
};

// Twice: the second time, what is asked for is the opposite of what was just done.
test.each([1, 2])("power, media, pausing: %i", async () => {
  expect((await after("instance.start", {})).state).toBe("running");
  for (let n = 0; n < 3; n++) {
    expect((await after("media.insert", { media: readyMedia })).media?.id).toBe(readyMedia);
    expect((await after("media.eject", {})).media).toBeUndefined();
  }
  expect(await codeOf(world.call("media.eject", { id: instance.id }))).toBe("wrong-state");
  expect((await after("instance.pause", {})).state).toBe("paused");
  expect((await after("instance.resume", {})).state).toBe("running");
  expect((await after("instance.reboot", { force: true })).state).toBe("running");
  expect(await after("instance.stop", { force: true })).toMatchObject({ state: "stopped", addresses: [] });
  expect((await after("instance.start", { media: readyMedia })).media?.id).toBe(readyMedia);
  expect((await after("media.eject", {})).media).toBeUndefined();
  expect((await after("instance.stop", { force: true })).media).toBeUndefined();
});

test("disks and network interfaces of a running guest: nothing is pending that it has", async () => {
  await after("instance.start", {});
  const disksOf = ({ disks, pending, running }: Instance) => ({
    disks: disks.map(({ sizeGiB }) => Number(sizeGiB)),
    pending,
    running,
  });
  for (let n = 0; n < 2; n++) {
    const added = await after("disk.add", { sizeGiB: gib(1) });
    const disk = added.disks.at(-1)?.name ?? "";
    expect(disksOf(added)).toEqual({ disks: [2, 1], pending: [], running: undefined });
    const grown = await after("disk.grow", { disk, sizeGiB: gib(3) });
    expect(disksOf(grown)).toEqual({ disks: [2, 3], pending: [], running: undefined });
    expect(disksOf(await after("disk.remove", { disk }))).toEqual({ disks: [2], pending: [], running: undefined });
    const plugged = await after("nic.add", {});
    expect([plugged.nics.length, plugged.pending]).toEqual([2, []]);
    const unplugged = await after("nic.remove", { nic: plugged.nics.at(-1)?.name ?? "" });
    expect([unplugged.nics.length, unplugged.pending]).toEqual([1, []]);
  }
  await after("instance.stop", { force: true });
});

test("settings, live or pending, and their way back", async () => {
  await after("instance.start", {});
  const { name } = instance;
  for (const cores of [2, 1]) expect(await after("instance.modify", { cores })).toMatchObject({ cores, pending: [] });
  expect((await after("instance.modify", { hardware: { system: "windows" } })).pending).toEqual(["hardware"]);
  expect((await after("instance.modify", { hardware: { system: "linux" } })).pending).toEqual([]);
  expect(await after("instance.modify", { name: "another", autostart: true })).toMatchObject({
    name: "another",
    autostart: true,
  });
  expect(await after("instance.modify", { name, autostart: false, memoryMiB: mib(1_024) })).toMatchObject({ name });
  await after("instance.stop", { force: true });
  expect(await after("instance.start", {})).toMatchObject({ memoryMiB: 1_024, pending: [] });
  await after("instance.stop", { force: true });
});

test("snapshots", async () => {
  for (let n = 0; n < 2; n++) {
    expect((await after("snapshot.create", { name: "before" })).snapshots).toBe(1);
    const { items } = await world.call("snapshot.list", { id: instance.id });
    const [one] = items;
    if (!one) throw new Error("There is no snapshot");
    expect((await after("snapshot.restore", { snapshot: one.id })).state).toBe("stopped");
    expect((await after("snapshot.delete", { snapshot: one.id, force: true })).snapshots).toBe(0);
  }
});

test("making, cloning, deleting", async () => {
  const cores = async () => (await world.call("cell.get", { id: world.cell.id })).reserved.cores;
  const before = await cores();
  for (let n = 0; n < 2; n++) {
    const made = await world.created({ name: "made", start: true });
    expect([made.state, made.task]).toEqual(["running", undefined]);
    expect(await cores()).toBe(before + 1);
    await world.ended(await world.call("instance.stop", { id: made.id, force: true }));
    expect((await world.ended(await world.remove(made.id))).state).toBe("done");
    expect(await cores()).toBe(before);
    const clone = await world.call("instance.clone", { id: instance.id, name: "cloned" });
    if (clone.kind !== "task") throw new Error("A plan was not asked for");
    expect((await world.ended(clone)).state).toBe("done");
    const { items } = await world.call("instance.list", { search: "cloned" });
    expect(items).toMatchObject([{ state: "stopped" }]);
    for (const { id } of items) expect((await world.ended(await world.remove(id))).state).toBe("done");
  }
});
