/** Changing, pausing and resuming an instance, through the bus. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Input, NanoError, type Task, templates } from "@nano/contract";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, until, World } from "../testing/world.ts";
import { gib, mib } from "../units.ts";

let world: World;
beforeEach(async () => {
  world = await World.start({ cells: [{ cores: 4, memoryMiB: mib(4_608) }] });
});
afterEach(() => world[Symbol.asyncDispose]());

type Modify = Input<"instance.modify">;
const modify = async (input: Modify): Promise<Task> => world.ended(await world.call("instance.modify", input));
const get = (id: Modify["id"]) => world.call("instance.get", { id });
const errorOf = async (call: Promise<unknown>): Promise<NanoError> => {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  if (error instanceof NanoError) return error;
  throw error;
};

describe("modify", () => {
  test("changes everything that can be, in the record and in the definition", async () => {
    const { id } = await world.created();
    const changes = {
      name: "renamed",
      description: "Another\ntext",
      owner: "someone",
      autostart: true,
      restart: "on-crash",
      cores: 2,
      memoryMiB: mib(1_024),
      qos: { readIops: 10, cpuPriority: "low" },
    } as const;
    const input: Modify = { id, ...changes, tags: ["a", "b"], hardware: { diskBus: "scsi" } };
    expect((await modify(input)).state).toBe("done");
    const expected = { ...changes, tags: ["a", "b"], hardware: { ...templates.linux, diskBus: "scsi" } };
    expect(await get(id)).toMatchObject({ ...expected, pending: [] });
    expect(world.cell.domains.get(id)?.spec).toMatchObject(expected);
    await expectInvariants(world);
  });

  test("keeps what was told its guest at creation: a reset system is a first boot to it still", async () => {
    const { id } = await world.created({ cloudInit: { password: "correct horse" } });
    const before = (await get(id)).cloudInit;
    expect(before).toBeDefined();
    await modify({ id, description: "changed" });
    expect((await get(id)).cloudInit).toEqual(before);
    expect(world.cell.domains.get(id)?.spec.cloudInit).toEqual(before);
  });

  test("what a running guest cannot have at once is pending until its next start", async () => {
    const { id } = await world.created({ start: true });
    expect((await modify({ id, cores: 3, hardware: { networkModel: "e1000" } })).state).toBe("done");
    expect(await get(id)).toMatchObject({ cores: 3, pending: ["hardware"], running: { hardware: templates.linux } });
    await world.ended(await world.call("instance.stop", { id, force: true }));
    await world.ended(await world.call("instance.start", { id }));
    expect(await get(id)).toMatchObject({ pending: [], hardware: { networkModel: "e1000" } });
    expect((await get(id)).running).toBeUndefined();
  });

  test("what it grows by must fit on its cell, and is reserved at once; what it shrinks by is free", async () => {
    const { id } = await world.created();
    const error = await errorOf(world.call("instance.modify", { id, memoryMiB: mib(8_192) }));
    expect(error.code).toBe("no-room");
    expect(error.message).toContain("needs 8192 MiB, 4096 MiB free of 4096");
    expect((await errorOf(world.call("instance.modify", { id, cores: 5 }))).message).toContain("the host has 4");
    await modify({ id, memoryMiB: mib(4_096), cores: 4 });
    expect(await codeOf(world.create())).toBe("no-room");
    await modify({ id, memoryMiB: mib(2_048) });
    await world.created();
    await expectInvariants(world);
  });

  test("is refused with the reason where the cell cannot do it", async () => {
    const { id } = await world.created();
    world.cell.abilities = [];
    await until(
      "it is known",
      async () => (await world.call("cell.get", { id: world.cell.id })).abilities.length === 0,
    );
    const error = await errorOf(world.call("instance.modify", { id, hardware: { firmware: "uefi" } }));
    expect(error).toMatchObject({ code: "unsupported-by-cell", message: expect.stringContaining("OVMF") });
    expect((await get(id)).hardware.firmware).toBe("bios");
  });

  test("only the first of two who read the same revision changes it", async () => {
    const { id, revision } = await world.created();
    await modify({ id, revision, description: "first" });
    const second = await errorOf(world.call("instance.modify", { id, revision, description: "second" }));
    expect(second).toMatchObject({ code: "revision-mismatch", status: 412 });
    expect((await get(id)).description).toBe("first");
  });

  test("a name is one instance's, whatever its case; its own is no obstacle", async () => {
    const [one, two] = [await world.created({ name: "one" }), await world.created({ name: "two" })];
    expect(await codeOf(world.call("instance.modify", { id: two.id, name: "ONE" }))).toBe("name-taken");
    expect((await modify({ id: one.id, name: "One" })).state).toBe("done");
    expect((await get(one.id)).name).toBe("One");
  });

  test("bad input, a wrong state, a task under way, a silent cell", async () => {
    const { id } = await world.created({ dataDisks: [1, 2, 3].map(() => ({ sizeGiB: gib(1) })) });
    const bad: object[] = [
      { cores: 0 },
      { cores: 1.5 },
      { memoryMiB: 2 ** 53 },
      { name: "a b" },
      { qos: { readIops: 0 } },
      { hardware: { diskBus: "floppy" } },
      { tags: ["<b>"] },
      { pool: "other" },
    ];
    for (const each of bad)
      expect(await codeOf(world.call("instance.modify", { id, ...each } as Modify))).toBe("invalid-input");
    expect(await codeOf(world.call("instance.modify", { id, hardware: { diskBus: "ide" } }))).toBe("invalid-input");
    world.cell.followsPowerButton = false;
    await world.ended(await world.call("instance.start", { id }));
    await world.call("instance.stop", { id });
    await until("it is stopping", async () => (await get(id)).state === "stopping");
    expect(await codeOf(world.call("instance.modify", { id, cores: 2 }))).toBe("wrong-state");
    await world.ended(await world.call("instance.stop", { id, force: true }));
    const reached = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    world.cell.onCommand = async () => {
      reached.resolve();
      await goOn.promise;
    };
    const task = await world.call("instance.modify", { id, cores: 2 });
    await reached.promise;
    expect(await codeOf(world.call("instance.modify", { id, cores: 1 }))).toBe("busy");
    goOn.resolve();
    expect((await world.ended(task)).state).toBe("done");
    world.cell.leave();
    await until("it is offline", async () => !(await world.call("cell.get", { id: world.cell.id })).online);
    expect(await codeOf(world.call("instance.modify", { id, cores: 1 }))).toBe("cell-offline");
  });
});

test("pause and resume, each only where it makes sense", async () => {
  const { id } = await world.created();
  expect(await codeOf(world.call("instance.pause", { id }))).toBe("wrong-state");
  await world.ended(await world.call("instance.start", { id }));
  expect(await codeOf(world.call("instance.resume", { id }))).toBe("wrong-state");
  await world.ended(await world.call("instance.pause", { id }));
  expect((await get(id)).state).toBe("paused");
  expect(await codeOf(world.call("instance.stop", { id }))).toBe("wrong-state");
  await world.ended(await world.call("instance.resume", { id }));
  expect((await get(id)).state).toBe("running");
});
