/** What is believed to be reserved on each cell is what the instances' rows say, whatever fails. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Instance, Task } from "@nano/contract";
import * as fc from "fast-check";
import { sql } from "kysely";
import { codeOf, smallInstance, until, World } from "../testing/world.ts";
import { gib, mib } from "../units.ts";
import { noUsage, usageOfCell } from "./usage.ts";

let world: World;
beforeAll(async () => {
  world = await World.start({ cells: [{}, {}] });
});
afterAll(() => world[Symbol.asyncDispose]());

/** Until it is called, such an insertion fails: after the instance's row was written, and before the commit. */
const failing = async (table: "tasks" | "outbox"): Promise<() => Promise<void>> => {
  await sql`create trigger full before insert on ${sql.table(table)}
    begin select raise(abort, 'database or disk is full'); end`.execute(world.db);
  return async () => {
    await sql`drop trigger full`.execute(world.db);
  };
};
const expectTruth = async () => {
  for (const { stored, usage } of world.scheduler.registry.all())
    expect(usage, stored.name).toEqual(await usageOfCell(world.db, stored.id));
};
const instances = async () => (await world.call("instance.list", { limit: 500 })).items;
const deleteAll = async () => {
  for (const { id } of await instances()) await world.ended(await world.remove(id));
  await expectTruth();
};

test("a create that fails at its commit reserves nothing", async () => {
  const big = { memoryMiB: mib(40_000) };
  const mended = await failing("tasks");
  for (const _ of world.cells) expect(await codeOf(world.create(big))).toBe("internal");
  await mended();
  await expectTruth();
  for (const _ of world.cells) expect((await world.created(big)).state).toBe("stopped");
  expect(await codeOf(world.create(big))).toBe("no-room");
  await deleteAll();
});

test("cells that only look full are looked at before a request is refused", async () => {
  const full = { ...noUsage, memoryMiB: 60_000, total: 1 };
  for (const { id } of world.cells) world.scheduler.registry.setUsage(id, full, performance.now());
  expect((await world.created({ memoryMiB: mib(40_000) })).state).toBe("stopped");
  await deleteAll();
});

const operations = [
  "create",
  "create-two-at-once",
  "create-failing",
  "modify",
  "modify-failing",
  "add-disk",
  "add-disk-cancelled",
  "start",
  "remove",
] as const;

/** One operation on an instance there is, or a new one; how it ends is its own business. */
async function perform(operation: (typeof operations)[number], which: number, size: number): Promise<void> {
  const all = await instances();
  const one: Instance | undefined = all[which % Math.max(1, all.length)];
  const asked = { ...smallInstance(), memoryMiB: mib(512 * size), systemDisk: { sizeGiB: gib(size) } };
  const ended = async (task: Promise<Task>) => {
    await task.then(
      (begun) => world.ended(begun),
      () => {},
    );
  };
  switch (operation) {
    case "create":
      return ended(world.create(asked));
    case "create-two-at-once":
      await Promise.all([ended(world.create(asked)), ended(world.create({ ...asked, name: `${asked.name}-b` }))]);
      return;
    case "create-failing": {
      const mended = await failing(size % 2 === 0 ? "tasks" : "outbox");
      await Promise.all([world.create(asked).catch(() => {}), world.create({ ...asked, name: "x" }).catch(() => {})]);
      return mended();
    }
    default:
  }
  if (!one) return;
  const { id } = one;
  switch (operation) {
    case "modify":
      return ended(world.call("instance.modify", { id, cores: size, memoryMiB: mib(256 * size) }));
    case "modify-failing": {
      const mended = await failing("tasks");
      await world.call("instance.modify", { id, cores: size + 1, memoryMiB: mib(128 * size) }).catch(() => {});
      return mended();
    }
    case "add-disk":
      return ended(world.call("disk.add", { id, sizeGiB: gib(size) }));
    case "add-disk-cancelled": {
      const task = await world.call("disk.add", { id, sizeGiB: gib(size) }).catch(() => undefined);
      if (!task) return;
      await world.call("task.cancel", { id: task.id }).catch(() => {});
      await world.ended(task);
      return;
    }
    case "start":
      return ended(world.call("instance.start", { id }));
    case "remove":
      if (one.state === "running") await ended(world.call("instance.stop", { id, force: true }));
      return ended(world.remove(id));
    default:
  }
}

test("whatever is done, and however it ends", async () => {
  const step = fc.record({
    operation: fc.constantFrom(...operations),
    which: fc.nat(50),
    size: fc.integer({ min: 1, max: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 15 }), async (steps) => {
      for (const { operation, which, size } of steps) {
        await perform(operation, which, size);
        await expectTruth();
      }
      await Promise.all(steps.map(({ operation, which, size }) => perform(operation, which, size).catch(() => {})));
      await until("nothing is under way", async () => (await world.call("task.list", { active: true })).total === 0);
      await expectTruth();
    }),
    { numRuns: 6, seed: 20_261_130 },
  );
  const { reserved, instances: counted } = await world.call("zone.get", {});
  const all = await instances();
  expect<number>(reserved.memoryMiB).toBe(all.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0));
  expect(Object.values(counted).reduce((sum, n) => sum + n, 0)).toBe(all.length);
}, 60_000);
