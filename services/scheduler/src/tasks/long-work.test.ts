/** Long work of cells: it keeps no other task from running, and is ended when it gets nowhere. */
import { expect, test } from "bun:test";
import { readyImage } from "../testing/images.ts";
import { expectInvariants } from "../testing/invariants.ts";
import { idOf, until, World } from "../testing/world.ts";
import { gib } from "../units.ts";

const ofImage = { systemDisk: { sizeGiB: gib(3), image: readyImage } };

test("fetches, copies and snapshots under way leave the slots to others", async () => {
  await using world = await World.start({ overrides: { slots: 2 } });
  const [other, cloned, taken] = [await world.created(), await world.created(), await world.created()];
  const gate = Promise.withResolvers<void>();
  world.cell.fetchRounds = Number.POSITIVE_INFINITY;
  world.cell.onCommand = (name) => (name === "cell.snapshot.create" ? gate.promise : undefined);
  const long = [
    ...(await Promise.all([1, 2, 3].map(() => world.create(ofImage)))),
    await world.call("instance.clone", { id: cloned.id, name: "copy", mode: "full" }),
    await world.call("snapshot.create", { id: taken.id, name: "one" }),
  ];
  const commands = ["cell.volume.fetch", "cell.disk.copy", "cell.snapshot.create"] as const;
  await until("all are under way", () => commands.every((name) => world.cell.count(name) > 0));
  const start = await world.ended(await world.call("instance.start", { id: other.id }));
  expect(start.state).toBe("done");
  for (const task of long) if (task.kind === "task") await world.call("task.cancel", { id: task.id });
  gate.resolve();
  for (const task of long) if (task.kind === "task") expect((await world.ended(task)).state).toBe("cancelled");
  await expectInvariants(world);
});

test("work that makes no progress for too long is ended, and what was done is undone", async () => {
  await using world = await World.start({ overrides: { stalledAfterMs: 200 } });
  const clone = await world.created();
  world.cell.fetchRounds = Number.POSITIVE_INFINITY;
  const task = await world.create(ofImage);
  const copy = await world.call("instance.clone", { id: clone.id, name: "copy", mode: "full" });
  if (copy.kind !== "task") throw new Error("A plan was not asked for");
  for (const each of [task, copy]) {
    const ended = await world.ended(each);
    expect([ended.state, ended.error?.code]).toEqual(["failed", "stalled"]);
    expect(ended.error?.message).toContain("no progress for 0.2 seconds");
  }
  await expectInvariants(world);
});

test("work that goes on may take as long as it takes", async () => {
  await using world = await World.start({ overrides: { stalledAfterMs: 2_500 } });
  world.cell.fetchRounds = 8;
  const task = await world.ended(await world.create(ofImage));
  expect(task.state).toBe("done");
  expect((await world.call("instance.get", { id: idOf(task) })).state).toBe("stopped");
});

test("a snapshot that is never taken is ended, too", async () => {
  await using world = await World.start({ overrides: { stalledAfterMs: 30 } });
  const { id } = await world.created();
  world.cell.endsSnapshots = false;
  const task = await world.call("snapshot.create", { id, name: "one" });
  await until("it was given up", async () => (await world.call("task.get", { id: task.id })).state === "unwinding");
  world.cell.endsSnapshots = true;
  const ended = await world.ended(task);
  expect([ended.state, ended.error?.code]).toEqual(["failed", "stalled"]);
  expect(ended.error?.message).toContain("did not end within 0.36 seconds");
  await expectInvariants(world);
});
