/** What an instance is made of and how much it may use, asked for at creation. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Ability, NanoError, templates } from "@nano/contract";
import type { TestCell } from "../testing/cell.ts";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, until, World } from "../testing/world.ts";
import { gib } from "../units.ts";

let world: World;
beforeEach(async () => {
  world = await World.start({ cells: [{}, {}] });
});
afterEach(() => world[Symbol.asyncDispose]());

const can = (cell: TestCell | undefined, abilities: Ability[]): Promise<void> => {
  if (!cell) throw new RangeError("There is no such cell");
  cell.abilities = abilities;
  return until("the cell is known as it is", async () =>
    Bun.deepEquals((await world.call("cell.get", { id: cell.id })).abilities, abilities),
  );
};

test("a template gives the hardware, and what is named differs from it; the cell is told", async () => {
  const qos = { readIops: 500, cpuPriority: "high" } as const;
  const instance = await world.created({
    template: "windows",
    hardware: { display: "qxl" },
    qos,
    tags: ["web"],
    restart: "on-crash",
  });
  const expected = { hardware: { ...templates.windows, display: "qxl" }, qos, tags: ["web"], restart: "on-crash" };
  expect(instance).toMatchObject(expected);
  expect(world.cells.flatMap(({ domains }) => [...domains.values()])[0]?.spec).toMatchObject(expected);
});

test("it goes where the host can do what it needs, and nowhere else", async () => {
  const [poor, rich] = world.cells;
  await can(poor, ["cpu-priority"]);
  await can(rich, ["cpu-priority", "uefi"]);
  for (let n = 0; n < 3; n++)
    expect((await world.created({ template: "linux-uefi" })).cell).toBe(rich?.id ?? world.cell.id);

  const refused = world.create({ template: "linux-uefi", qos: { sendBytesPerSecond: 1_000_000 } });
  const error: unknown = await refused.catch((thrown: unknown) => thrown);
  if (!(error instanceof NanoError)) throw error;
  expect(error.code).toBe("no-room");
  expect(error.message).toContain("None of the 2 cells of pool default can take it: its host cannot do this");
  expect(error.message).toContain("eave out the network limits");
  await expectInvariants(world);
});

test("a cell that is found out to be unable refuses before anything is defined, and nothing stays", async () => {
  for (const cell of world.cells)
    cell.onCommand = (name) => {
      if (name === "cell.instance.define") throw new NanoError("unsupported-by-cell", "It has no UEFI firmware");
    };
  const task = await world.ended(await world.create({ template: "linux-uefi" }));
  expect(task).toMatchObject({ state: "failed", error: { code: "unsupported-by-cell" } });
  await expectInvariants(world);
  expect((await world.call("instance.list", {})).total).toBe(0);
});

test("IDE has room for three disks beside the CD drive, for two beside a cloud-init drive", async () => {
  const disks = (count: number) => Array.from({ length: count }, () => ({ sizeGiB: gib(1) }));
  expect(await codeOf(world.create({ template: "legacy", dataDisks: disks(3) }))).toBe("invalid-input");
  expect(await codeOf(world.create({ hardware: { diskBus: "ide" }, dataDisks: disks(16) }))).toBe("invalid-input");
  expect((await world.created({ template: "legacy", dataDisks: disks(2) })).disks).toHaveLength(3);

  const cloudInit = { user: "deb", sshKeys: [] };
  expect(await codeOf(world.create({ template: "legacy", dataDisks: disks(2), cloudInit }))).toBe("invalid-input");
  const seeded = await world.created({ template: "legacy", dataDisks: disks(1), cloudInit });
  expect(await codeOf(world.call("disk.add", { id: seeded.id, sizeGiB: gib(1) }))).toBe("too-many-disks");
  const { id } = await world.created({ name: "other", dataDisks: disks(2), cloudInit });
  const ide = { diskBus: "ide" } as const;
  expect(await codeOf(world.call("instance.modify", { id, hardware: ide }))).toBe("invalid-input");
});

test("a cell that is told to do what it cannot is found by its word in the database after a restart", async () => {
  await can(world.cell, ["uefi"]);
  await world.restartScheduler();
  expect((await world.call("cell.get", { id: world.cell.id })).abilities).toEqual(["uefi"]);
});
