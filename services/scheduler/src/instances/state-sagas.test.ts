/** Sagas of what is in an instance's drive and of its snapshots, through the five tests that every saga passes. */
import { expect } from "bun:test";
import type { Input, Instance } from "@nano/contract";
import { everySagaTest, type SagaScenario } from "../tasks/saga-testing.ts";
import { readyMedia } from "../testing/images.ts";
import { running, stateOf } from "../testing/instances.ts";
import { until, type World } from "../testing/world.ts";

const inserted = async (world: World): Promise<Instance> => {
  const instance = await running(world);
  await world.ended(await world.call("media.insert", { id: instance.id, media: readyMedia }));
  return instance;
};

const mediaOf = async (world: World, { id }: Pick<Instance, "id">) => (await world.call("instance.get", { id })).media;

const insert: SagaScenario<Instance> = {
  operation: "media.insert",
  undos: [],
  prepare: running,
  begin: (world, { id }, idempotencyKey) => world.call("media.insert", { id, media: readyMedia }, { idempotencyKey }),
  accomplished: async (world, instance) => expect((await mediaOf(world, instance))?.id).toBe(readyMedia),
  // What went in although the answer was lost, is in.
  untouched: async () => {},
};

const eject: SagaScenario<Instance> = {
  operation: "media.eject",
  undos: [],
  prepare: inserted,
  begin: (world, { id }, idempotencyKey) => world.call("media.eject", { id }, { idempotencyKey }),
  accomplished: async (world, instance) => expect(await mediaOf(world, instance)).toBeUndefined(),
  untouched: async () => {},
};

const withSnapshot = async (world: World, input: Partial<Input<"instance.create">> = {}) => {
  const instance = await world.created(input);
  const { id } = instance;
  if (input.start) await until("it runs", async () => (await stateOf(world, instance)) === "running");
  expect((await world.ended(await world.call("snapshot.create", { id, name: "first" }))).state).toBe("done");
  const [snapshot] = (await world.call("snapshot.list", { id })).items;
  if (!snapshot) throw new Error("It was taken");
  return { id, snapshot: snapshot.id };
};

type Taken = Awaited<ReturnType<typeof withSnapshot>>;

const countOf = async (world: World, { id }: { id: Instance["id"] }) =>
  (await world.call("snapshot.list", { id })).items.length;

const takeSnapshot: SagaScenario<Instance> = {
  operation: "snapshot.create",
  undos: ["take"],
  prepare: running,
  begin: (world, { id }, idempotencyKey) => world.call("snapshot.create", { id, name: "one" }, { idempotencyKey }),
  accomplished: async (world, instance) => expect(await countOf(world, instance)).toBe(1),
  untouched: async (world, instance) => expect(await countOf(world, instance)).toBe(0),
};

const restoreSnapshot: SagaScenario<Taken> = {
  operation: "snapshot.restore",
  undos: [],
  irrevocable: ["stop", "restore"],
  prepare: (world) => withSnapshot(world, { start: true }),
  begin: (world, taken, idempotencyKey) =>
    world.call("snapshot.restore", { ...taken, force: true }, { idempotencyKey }),
  accomplished: async (world, taken) => expect(await stateOf(world, taken)).toBe("running"),
  // What did go back has; the snapshot stays in any case.
  untouched: async (world, taken) => expect(await countOf(world, taken)).toBe(1),
};

const deleteSnapshot: SagaScenario<Taken> = {
  operation: "snapshot.delete",
  undos: [],
  irrevocable: ["delete"],
  prepare: (world) => withSnapshot(world),
  begin: (world, taken, idempotencyKey) => world.call("snapshot.delete", { ...taken, force: true }, { idempotencyKey }),
  accomplished: async (world, taken) => expect(await countOf(world, taken)).toBe(0),
  untouched: async () => {},
};

everySagaTest(insert);
everySagaTest(eject);
everySagaTest(takeSnapshot);
everySagaTest(restoreSnapshot);
everySagaTest(deleteSnapshot);
