import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { DecisionIdSchema, decode, NanoError, type OperationsOf, PoolNameSchema } from "@nano/contract";
import { readyImage, unknownImage, uploadingImage } from "../testing/images.ts";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, idOf, smallInstance, until, World } from "../testing/world.ts";
import { gib, mib } from "../units.ts";

let world: World;
beforeEach(async () => {
  // Room for ten small instances' memory: 5,632 MiB less what the host keeps.
  world = await World.start({ cells: [{ memoryMiB: mib(5_632) }] });
});
afterEach(() => world[Symbol.asyncDispose]());

const outcomes = async (calls: Promise<unknown>[]): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const code of await Promise.all(calls.map(codeOf))) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
};

const first = <T>(list: readonly T[]): T => {
  const [one] = list;
  if (one === undefined) throw new RangeError("The list is empty");
  return one;
};

describe("many at once", () => {
  test("200 creates of one name: exactly one", async () => {
    const calls = Array.from({ length: 200 }, (_, n) => world.create({ name: n % 2 === 0 ? "one" : "ONE" }));
    expect(await outcomes(calls)).toEqual({ "no error": 1, "name-taken": 199 });
    await until("it is made", () => expectInvariants(world).then(() => true));
  });

  test("room for 10, 100 creates: exactly 10, and each of the others is told why", async () => {
    const calls = Array.from({ length: 100 }, () => world.create());
    const failures = await Promise.allSettled(calls);
    expect(await outcomes(calls)).toEqual({ "no error": 10, "no-room": 90 });
    for (const failure of failures) {
      if (failure.status === "fulfilled") continue;
      const error: unknown = failure.reason;
      if (!(error instanceof NanoError)) throw error;
      const decision = await world.call("decision.get", {
        id: decode(DecisionIdSchema, error.details?.decision, "Reading the error"),
      });
      expect(decision.removed[0]?.examples[0]?.reason).toBe("needs 512 MiB, 0 MiB free of 5120");
      expect(error.message).toBe(`${decision.summary} ${decision.smallestChange}`);
    }
    await until("all are made", () => expectInvariants(world).then(() => true));
    expect((await world.call("cell.get", { id: world.cell.id })).reserved.memoryMiB).toBe(mib(5_120));
  });

  test("one idempotency key, 50 times: one instance, one answer", async () => {
    const input = smallInstance();
    const tasks = await Promise.all(Array.from({ length: 50 }, () => world.create(input, { idempotencyKey: "k-1" })));
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(1);
    await Promise.all(tasks.slice(0, 1).map((task) => world.ended(task)));
    expect((await world.create(input, { idempotencyKey: "k-1" })).id).toBe(first(tasks).id);
    expect((await world.call("instance.list", {})).total).toBe(1);
    expect(await codeOf(world.create({ ...input, cores: 2 }, { idempotencyKey: "k-1" }))).toBe(
      "idempotency-key-reused",
    );
  });
});

describe("what is refused, and leaves nothing", () => {
  const refused: [code: string, input: Partial<ReturnType<typeof smallInstance>>][] = [
    ["pool-not-found", { pool: decode(PoolNameSchema, "nowhere", "Naming a pool") }],
    ["image-not-found", { systemDisk: { sizeGiB: gib(4), image: unknownImage } }],
    ["image-not-ready", { systemDisk: { sizeGiB: gib(4), image: uploadingImage } }],
    ["disk-smaller-than-image", { systemDisk: { sizeGiB: gib(1), image: readyImage } }],
    ["no-room", { memoryMiB: mib(10_000) }],
    ["no-room", { cores: 17 }],
    ["invalid-input", { name: "-dash" }],
    ["invalid-input", { cores: 1.5 }],
  ];
  for (const [code, input] of refused)
    test(`${code}: ${JSON.stringify(input)}`, async () => {
      expect(await codeOf(world.create(input))).toBe(code);
      expect((await world.call("task.list", {})).total).toBe(0);
      await expectInvariants(world);
    });

  test("a disabled cell takes nothing new; the decision says what to do", async () => {
    await world.call("cell.disable", { id: world.cell.id });
    const error = await world.create().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NanoError);
    expect(error instanceof NanoError && error.details?.smallestChange).toBe("Enable node-0; it has room for this.");
    await world.call("cell.enable", { id: world.cell.id });
    expect((await world.created()).state).toBe("stopped");
  });
});

test("a dry run answers with the plan and changes nothing", async () => {
  const plan = await world.call("instance.create", {
    ...smallInstance(),
    name: "dry",
    systemDisk: { sizeGiB: gib(4), image: readyImage },
    start: true,
    dryRun: true,
  });
  if (plan.kind !== "plan") throw new Error("A task was not asked for");
  expect(plan.steps.map(({ name }) => name)).toEqual([
    "reserve",
    "fetch-image",
    "create-disks",
    "define",
    "start",
    "finish",
  ]);
  expect(plan).toMatchObject({ copyBytes: 1_000_000, locks: ["instance dry"], cell: { name: "node-0" } });
  expect(plan.decision?.winner?.name).toBe("node-0");
  expect((await world.call("instance.list", {})).total).toBe(0);
  expect((await world.call("task.list", {})).total).toBe(0);

  const instance = await world.created();
  const deletion = await world.call("instance.delete", { id: instance.id, dryRun: true });
  expect(deletion.kind).toBe("plan");
  expect((await world.call("instance.get", { id: instance.id })).state).toBe("stopped");
});

describe("delete during create", () => {
  const moments: OperationsOf<"cell">[] = [
    "cell.volume.fetch",
    "cell.disk.create",
    "cell.instance.define",
    "cell.instance.start",
  ];
  for (const moment of moments)
    test(`at ${moment}`, async () => {
      const reached = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      world.cell.onCommand = async (name) => {
        if (name !== moment) return;
        reached.resolve();
        await goOn.promise;
      };
      const create = await world.create({ systemDisk: { sizeGiB: gib(3), image: readyImage }, start: true });
      await reached.promise;
      expect(await codeOf(world.call("instance.start", { id: idOf(create) }))).toBe("busy");
      const [first, second] = [await world.remove(idOf(create)), await world.remove(idOf(create))];
      expect(second.id).toBe(first.id);
      goOn.resolve();
      expect((await world.ended(create)).state).toBe("cancelled");
      expect((await world.ended(first)).state).toBe("done");
      await expectInvariants(world);
      expect((await world.call("instance.list", {})).total).toBe(0);
      // The name is free again.
      world.cell.onCommand = () => {};
      expect((await world.created({ name: create.resource.name })).name).toBe(create.resource.name);
    });
});

test("a task that was cancelled undoes what it did", async () => {
  const reached = Promise.withResolvers<void>();
  world.cell.fetchRounds = Number.POSITIVE_INFINITY;
  world.cell.onCommand = (name) => {
    if (name === "cell.volume.fetch") reached.resolve();
  };
  const create = await world.create({ systemDisk: { sizeGiB: gib(3), image: readyImage } });
  await reached.promise;
  await until("it shows progress", async () => {
    const { steps, progress } = await world.call("task.get", { id: create.id });
    return steps.some(({ bytesTotal }) => bytesTotal === 1_000_000) && progress >= 20;
  });
  expect((await world.call("task.cancel", { id: create.id })).cancellable).toBe(false);
  expect((await world.ended(create)).state).toBe("cancelled");
  // Again, when it has ended: the same calm answer.
  expect((await world.call("task.cancel", { id: create.id })).state).toBe("cancelled");
  await expectInvariants(world);
});
