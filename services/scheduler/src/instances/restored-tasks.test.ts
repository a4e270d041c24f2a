/** A restored database that holds an unfinished task: nothing of it is done or undone to what was used since. */
import { afterEach, describe, expect, test } from "bun:test";
import { copyFile, rm } from "node:fs/promises";
import { type InstanceId, NanoError, timestamp } from "@nano/contract";
import fc from "fast-check";
import type { StoredTask } from "../tasks/store.ts";
import { readyImage } from "../testing/images.ts";
import { running } from "../testing/instances.ts";
import { idOf, smallInstance, until, World } from "../testing/world.ts";
import { gib } from "../units.ts";
import { wasUsedSince } from "./out-of-date.ts";

let world: World | undefined;
afterEach(() => world?.[Symbol.asyncDispose]());

type TaskOf = { readonly id: string; readonly kind?: string };
interface Kind {
  readonly operation: string;
  /** Where the copy may be taken. */
  readonly steps: readonly string[];
  prepare(world: World): Promise<InstanceId | undefined>;
  begin(world: World, id: InstanceId | undefined): Promise<TaskOf | { readonly kind: "plan" }>;
}
const known = (id: InstanceId | undefined): InstanceId => {
  if (id === undefined) throw new Error("Nothing was prepared");
  return id;
};
const stopped = async (in_: World) => (await in_.created()).id;
const runs = async (in_: World) => (await running(in_)).id;

const kinds: readonly Kind[] = [
  {
    operation: "instance.create",
    steps: ["fetch-image", "create-disks", "write-seed", "define", "start", "finish"],
    prepare: async () => undefined,
    begin: (in_) =>
      in_.create({
        ...smallInstance(),
        systemDisk: { image: readyImage, sizeGiB: gib(3) },
        cloudInit: { password: "correct horse" },
        start: true,
      }),
  },
  {
    operation: "instance.clone",
    steps: ["copy-disks", "define", "finish"],
    prepare: stopped,
    begin: (in_, id) => in_.call("instance.clone", { id: known(id), name: `${smallInstance().name}-c`, mode: "full" }),
  },
  {
    operation: "instance.clone",
    steps: ["link-disks", "define", "switch-source", "finish"],
    prepare: stopped,
    begin: (in_, id) =>
      in_.call("instance.clone", { id: known(id), name: `${smallInstance().name}-l`, mode: "linked" }),
  },
  {
    operation: "instance.delete",
    steps: ["mark", "undefine"],
    prepare: stopped,
    begin: (in_, id) => in_.remove(known(id)),
  },
  {
    operation: "system.reset",
    steps: ["fetch-image"],
    prepare: stopped,
    begin: (in_, id) => in_.call("system.reset", { id: known(id), image: readyImage }),
  },
  {
    operation: "disk.add",
    steps: ["create", "define"],
    prepare: runs,
    begin: (in_, id) => in_.call("disk.add", { id: known(id), sizeGiB: gib(1) }),
  },
  {
    operation: "snapshot.create",
    steps: ["take"],
    prepare: stopped,
    begin: (in_, id) => in_.call("snapshot.create", { id: known(id), name: "before" }),
  },
  {
    operation: "instance.stop",
    steps: ["stop"],
    prepare: runs,
    begin: (in_, id) => in_.call("instance.stop", { id: known(id), force: true }),
  },
];

const databases = ["", "-wal", "-shm"];
const destructive = [
  "cell.instance.undefine",
  "cell.instance.stop",
  "cell.disk.delete",
  "cell.disk.discard",
  "cell.snapshot.restore",
  "cell.snapshot.delete",
] as const;

/**
 * A world in which a copy of the database was made in the middle of a task, which is cancelled or goes on then; later
 * the copy is put back.
 */
const restoredIn = async (
  kind: Kind,
  step: string,
  meanwhile: "goes on" | "cancelled",
  resumed: "goes on" | "fails",
) => {
  let paused = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let holds = false;
  const its = await World.start({
    overrides: {
      failpoint: async (operation, at, phase) => {
        if (!holds || operation !== kind.operation || at !== step || phase !== "before") return;
        holds = false;
        paused.resolve();
        await goOn.promise;
      },
    },
  });
  world = its;
  const subject = await kind.prepare(its);
  paused = Promise.withResolvers();
  holds = true;
  const task = await kind.begin(its, subject);
  if (!("id" in task)) throw new Error("A plan was not asked for");
  await paused.promise;
  const backup = `${its.databaseFile}.backup`;
  for (const suffix of databases) await copyFile(its.databaseFile + suffix, backup + suffix).catch(() => {});
  if (meanwhile === "cancelled") await its.call("task.cancel", { id: task.id as never }).catch(() => {});
  goOn.resolve();
  const ended = await its.ended({ id: task.id as never });
  await until("its end was told", async () => {
    const { items } = await its.call("event.list", { id: task.id, limit: 100 });
    return items.some(({ data }) => data.state === ended.state);
  });
  for (const { id } of its.cell.observed()) {
    const { state } = await its.call("instance.get", { id });
    if (state !== "running") await its.ended(await its.call("instance.start", { id }));
  }
  await its.stopScheduler();
  const { cell } = its;
  const before = { domains: [...cell.domains.keys()], disks: [...cell.disks.keys()] };
  cell.commands.length = 0;
  for (const suffix of databases) {
    await rm(its.databaseFile + suffix, { force: true });
    await copyFile(backup + suffix, its.databaseFile + suffix).catch(() => {});
  }
  await its.startScheduler({
    failpoint: (operation, at, phase) => {
      if (resumed === "fails" && operation === kind.operation && at === step && phase === "after")
        throw new Error("It fails this time");
    },
  });
  return { its, before, idle: () => its.ended({ id: task.id as never }), ended, task };
};

const run = fc.constantFrom(...kinds).chain((kind) =>
  fc.record({
    kind: fc.constant(kind),
    step: fc.constantFrom(...kind.steps),
    meanwhile: fc.constantFrom("goes on" as const, "cancelled" as const),
    resumed: fc.constantFrom("goes on" as const, "fails" as const),
  }),
);

test("whatever the restored task is, and wherever the copy was made: no guest dies, no disk goes, a person decides", async () => {
  await fc.assert(
    fc.asyncProperty(run, async ({ kind, step, meanwhile, resumed }) => {
      const { its, before, idle } = await restoredIn(kind, step, meanwhile, resumed);
      const { cell } = its;
      expect(await idle()).toMatchObject({ state: "failed", error: { code: "task-out-of-date" } });
      const sent = cell.commands.filter(({ name }) => destructive.some((each) => each === name));
      expect(sent).toEqual([]);
      expect([...cell.domains.keys()]).toEqual(before.domains);
      expect([...cell.disks.keys()]).toEqual(before.disks);
      await until("all that runs is shown as it is, and nothing is locked", async () => {
        cell.inventory();
        const { items } = await its.call("instance.list", {});
        return (
          items.every(({ task }) => task === undefined) &&
          [...cell.domains].every(([id, { state }]) => items.find((each) => each.id === id)?.state === state)
        );
      });
      await its[Symbol.asyncDispose]();
      world = undefined;
    }),
    { numRuns: 6, seed: 9 },
  );
}, 240_000);

test("without the history of events, a guest that was started long after the task's last progress proves it", async () => {
  const its = await World.start();
  world = its;
  const reached = Promise.withResolvers<void>();
  its.cell.onCommand = (name) => {
    if (name !== "cell.instance.start") return;
    reached.resolve();
    throw new NanoError("unavailable", "It does not answer");
  };
  const task = await its.create({ start: true });
  await reached.promise;
  const domain = its.cell.domains.get(idOf(task));
  if (!domain) throw new Error("It was not defined");
  const later = Date.now() + 3_600_000;
  domain.state = "running";
  domain.startedAt = timestamp(later);
  await its.stopScheduler();
  its.cell.onCommand = () => {};
  const clock = { now: () => later + 3_600_000 + performance.now(), monotonic: () => performance.now() };
  await its.startScheduler({ clock });
  expect(await its.ended(task)).toMatchObject({ state: "failed", error: { code: "task-out-of-date" } });
  await until(
    "it is kept and shown",
    async () => (await its.call("instance.get", { id: idOf(task) })).state === "running",
  );
  expect(its.cell.count("cell.instance.undefine")).toBe(0);
}, 60_000);

describe("a task's guest was used since", () => {
  const at = (minutes: number) => timestamp(Date.UTC(2026, 10, 30, 10, minutes));
  const now = Date.parse(at(59));
  const task = (epoch: number): Pick<StoredTask, "steps" | "createdAt" | "data"> => ({
    createdAt: at(0),
    steps: [{ name: "start", title: "Start", state: "running", startedAt: at(10) }],
    data: { spec: { epoch } },
  });
  const seen = (minutes: number, state: "running" | "stopped" = "running", epoch = 1) => ({
    ...{ epoch, state },
    startedAt: at(minutes),
  });
  test("when it was started long after the last progress", () => {
    expect(wasUsedSince(task(1), seen(30), now)).toBe(true);
    expect(wasUsedSince(task(1), seen(5), now)).toBe(false);
  });
  test("not, when the task itself may have started it just before the scheduler was killed, or after", () => {
    expect(wasUsedSince(task(1), seen(11), now)).toBe(false);
    expect(wasUsedSince(task(1), seen(30), Date.parse(at(29)))).toBe(false);
  });
  test("when its cell has a newer epoch", () => {
    expect(wasUsedSince(task(1), seen(5, "stopped", 2), now)).toBe(true);
    expect(wasUsedSince(task(2), seen(5, "stopped", 2), now)).toBe(false);
  });
});
