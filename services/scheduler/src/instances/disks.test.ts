/** The disks of instances, through the bus. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type GiB, type Instance, limits, NanoError, type Task } from "@nano/contract";
import { fileOf } from "../testing/cell.ts";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, until, World } from "../testing/world.ts";
import { gib } from "../units.ts";

let world: World;
beforeEach(async () => {
  world = await World.start({ cells: [{ storageGiB: gib(100) }] });
});
afterEach(() => world[Symbol.asyncDispose]());

const get = (id: Instance["id"]) => world.call("instance.get", { id });
const done = async (task: Pick<Task, "id">): Promise<Task> => {
  const ended = await world.ended(task);
  expect(ended.error).toBeUndefined();
  expect(ended.state).toBe("done");
  return ended;
};
const running = async (more = {}): Promise<Instance> => {
  const instance = await world.created({ start: true, ...more });
  await until("it runs", async () => (await get(instance.id)).state === "running");
  return instance;
};
const reserved = async () => (await world.call("cell.get", { id: world.cell.id })).reserved.storageGiB;
const specOf = (id: Instance["id"]) =>
  world.cell.domains.get(id)?.spec.disks.map(({ name, sizeGiB }) => [name, sizeGiB]);

describe("adding and removing", () => {
  test("a disk is created, defined, given to the guest and reserved; and all of that ends with it", async () => {
    const { id } = await running();
    const added = await done(await world.call("disk.add", { id, sizeGiB: gib(10) }));
    expect(added.steps.map(({ name }) => name)).toEqual(["reserve", "create", "define", "attach"]);
    await done(await world.call("disk.add", { id, sizeGiB: gib(20) }));
    expect((await get(id)).disks).toEqual([
      { name: "system", sizeGiB: gib(2) },
      { name: "data-1", sizeGiB: gib(10) },
      { name: "data-2", sizeGiB: gib(20) },
    ]);
    expect(await reserved()).toBe(gib(32));
    expect(world.cell.disks.get(`${id}/data-2`)).toEqual({ sizeGiB: 20 });
    await done(await world.call("disk.remove", { id, disk: "data-1" }));
    expect<unknown>(specOf(id)).toEqual([
      ["system", 2],
      ["data-2", 20],
    ]);
    expect(await reserved()).toBe(gib(22));
    // The name that is free again is taken first.
    await done(await world.call("disk.add", { id, sizeGiB: gib(1) }));
    expect((await get(id)).disks.map(({ name }) => name)).toEqual(["system", "data-2", "data-1"]);
    await expectInvariants(world);
  });

  test("no room is said with the numbers, and nothing is begun; the last GiB may be had", async () => {
    const { id } = await world.created();
    const refused: unknown = await world.call("disk.add", { id, sizeGiB: gib(99) }).catch((error: unknown) => error);
    if (!(refused instanceof NanoError)) throw refused;
    expect(refused.code).toBe("no-room");
    expect(refused.details).toEqual({ neededGiB: 99, freeGiB: 98, totalGiB: 100 });
    expect(refused.message).toContain("98 GiB are free of 100");
    expect((await get(id)).task).toBeUndefined();
    await done(await world.call("disk.add", { id, sizeGiB: gib(98) }));
    expect(await codeOf(world.call("disk.grow", { id, disk: "system", sizeGiB: gib(3) }))).toBe("no-room");
    await expectInvariants(world);
  });

  test("twenty at once never promise more than there is", async () => {
    const instances = await Promise.all(Array.from({ length: 4 }, () => world.created()));
    const codes = await Promise.all(
      instances.map(({ id }) => codeOf(world.call("disk.add", { id, sizeGiB: gib(40) }).then(done))),
    );
    expect(codes.sort()).toEqual(["no error", "no error", "no-room", "no-room"]);
    expect(await reserved()).toBe(gib(88));
  });

  test("there is an end to the number of disks", async () => {
    const sizes = Array.from({ length: limits.dataDisks }, () => ({ sizeGiB: gib(1) }));
    const full = await world.created({ dataDisks: sizes });
    expect(await codeOf(world.call("disk.add", { id: full.id, sizeGiB: gib(1) }))).toBe("too-many-disks");
    const old = await world.created({ template: "legacy", dataDisks: sizes.slice(0, 2) });
    expect(await codeOf(world.call("disk.add", { id: old.id, sizeGiB: gib(1) }))).toBe("too-many-disks");
  });

  test("a guest that does not let go keeps its disk", async () => {
    const { id } = await running({ dataDisks: [{ sizeGiB: gib(1) }] });
    world.cell.onCommand = (name) => {
      if (name === "cell.disk.detach") throw new NanoError("in-use", "The guest did not let go");
    };
    const task = await world.ended(await world.call("disk.remove", { id, disk: "data-1" }));
    expect(task).toMatchObject({ state: "failed", error: { code: "in-use" } });
    world.cell.onCommand = () => {};
    expect((await get(id)).disks).toHaveLength(2);
    await expectInvariants(world);
  });

  test("a full storage leaves nothing", async () => {
    const { id } = await world.created();
    world.cell.onCommand = (name) => {
      if (name === "cell.disk.create") throw new NanoError("disk-full", "No space left on device");
    };
    const task = await world.ended(await world.call("disk.add", { id, sizeGiB: gib(10) }));
    expect(task).toMatchObject({ state: "failed", error: { code: "disk-full" } });
    expect(await reserved()).toBe(gib(2));
    await expectInvariants(world);
  });

  test("the system disk stays; buses that take no disk while it runs say so", async () => {
    const { id } = await world.created();
    expect(await codeOf(world.call("disk.remove", { id, disk: "system" }))).toBe("invalid-input");
    expect(await codeOf(world.call("disk.remove", { id, disk: "data-7" }))).toBe("disk-not-found");
    expect(await codeOf(world.call("disk.remove", { id, disk: "../system" }))).toBe("invalid-input");
    const windows = await running({ template: "windows" });
    expect(await codeOf(world.call("disk.add", { id: windows.id, sizeGiB: gib(1) }))).toBe("wrong-state");
    await done(await world.call("disk.grow", { id: windows.id, disk: "system", sizeGiB: gib(5) }));
  });
});

describe("growing and shrinking", () => {
  test("a disk grows on the cell, in the definition and in what is reserved", async () => {
    const { id } = await running();
    await done(await world.call("disk.grow", { id, disk: "system", sizeGiB: gib(7) }));
    expect((await get(id)).disks).toEqual([{ name: "system", sizeGiB: gib(7) }]);
    expect<unknown>(specOf(id)).toEqual([["system", 7]]);
    expect(await reserved()).toBe(gib(7));
  });

  test("a size is more than it was, in whole GiB, within the limits", async () => {
    const { id } = await world.created();
    const grow = (sizeGiB: number) => codeOf(world.call("disk.grow", { id, disk: "system", sizeGiB: sizeGiB as GiB }));
    expect(await grow(2)).toBe("disk-not-larger");
    expect(await grow(1)).toBe("disk-not-larger");
    for (const wrong of [0, -1, 2.5, limits.diskGiB.maximum + 1, 2 ** 53, Number.NaN])
      expect(await grow(wrong)).toBe("invalid-input");
    expect(await grow(limits.diskGiB.maximum)).toBe("no-room");
    expect(await codeOf(world.call("disk.grow", { id, disk: "data-1", sizeGiB: gib(9) }))).toBe("disk-not-found");
  });

  test("a disk that grew although its task failed is as large as it is", async () => {
    const { id } = await world.created();
    let grown = false;
    await world.restartScheduler({
      failpoint: (operation, step, phase) => {
        if (operation !== "disk.grow" || step !== "grow" || phase !== "after" || grown) return;
        grown = true;
        throw new NanoError("hypervisor-failed", "The answer was lost");
      },
    });
    await until("the cell is back", async () => (await world.call("cell.get", { id: world.cell.id })).online);
    const task = await world.ended(await world.call("disk.grow", { id, disk: "system", sizeGiB: gib(9) }));
    expect(task.state).toBe("failed");
    expect((await get(id)).disks).toEqual([{ name: "system", sizeGiB: gib(9) }]);
    expect<unknown>(specOf(id)).toEqual([["system", 9]]);
    await expectInvariants(world);
  });

  test("shrinking makes a new file, keeps the size, and needs it to be off", async () => {
    const { id } = await world.created();
    const task = await done(await world.call("disk.shrink", { id, disk: "system" }));
    expect(task.steps.map(({ name }) => name)).toEqual(["rewrite", "switch", "discard"]);
    expect(task.steps[0]).toMatchObject({ bytesDone: 3_000, bytesTotal: 3_000 });
    expect((await get(id)).disks).toEqual([{ name: "system", sizeGiB: gib(2), generation: 1 }]);
    await done(await world.call("disk.shrink", { id, disk: "system" }));
    expect([...world.cell.disks.keys()]).toEqual([fileOf(id, { name: "system", generation: 2 })]);
    await expectInvariants(world);
    await done(await world.call("instance.start", { id }));
    expect(await codeOf(world.call("disk.shrink", { id, disk: "system" }))).toBe("wrong-state");
  });

  test("a cancelled shrink leaves the disk as it was", async () => {
    const { id } = await world.created();
    world.cell.fetchRounds = Number.POSITIVE_INFINITY;
    const task = await world.call("disk.shrink", { id, disk: "system" });
    await until("it copies", () => world.cell.count("cell.disk.rewrite") > 2);
    expect(await codeOf(world.call("disk.add", { id, sizeGiB: gib(1) }))).toBe("busy");
    await world.call("task.cancel", { id: task.id });
    expect((await world.ended(task)).state).toBe("cancelled");
    expect((await get(id)).disks).toEqual([{ name: "system", sizeGiB: gib(2) }]);
    await expectInvariants(world);
  });
});

test("the list says what each takes, and what is gone", async () => {
  const { id } = await world.created({ dataDisks: [{ sizeGiB: gib(1) }] });
  world.cell.disks.delete(`${id}/data-1`);
  expect((await world.call("disk.list", { id })).items).toEqual([
    { name: "system", sizeGiB: gib(2), allocatedBytes: expect.any(Number) },
    { name: "data-1", sizeGiB: gib(1), missing: true },
  ]);
  world.cell.leave();
  await until("it is away", async () => (await get(id)).state === "lost");
  expect(await codeOf(world.call("disk.list", { id }))).toBe("cell-offline");
  expect(await codeOf(world.call("disk.add", { id, sizeGiB: gib(1) }))).toBe("cell-offline");
});
