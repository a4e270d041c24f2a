/** Every saga of instances, through the four tests that every saga passes. */
import { describe, expect, test } from "bun:test";
import type { Input, Instance, Task } from "@nano/contract";
import {
  failsEverywhere,
  killedEverywhere,
  type SagaScenario,
  stepsRunTwice,
  undosRunTwice,
} from "../tasks/saga-testing.ts";
import { readyImage, readyMedia } from "../testing/images.ts";
import { codeOf, smallInstance, until, type World } from "../testing/world.ts";
import { gib } from "../units.ts";

const task = (answer: Task | { kind: "plan" }): Task => {
  if (answer.kind !== "task") throw new Error("A plan was not asked for");
  return answer;
};
const stateOf = async (world: World, { id }: Pick<Instance, "id">) => (await world.call("instance.get", { id })).state;
const named = async (world: World, name: string) =>
  (await world.call("instance.list", { search: name })).items.find((instance) => instance.name === name);

const create: SagaScenario<Input<"instance.create">> = {
  operation: "instance.create",
  atOnce: ["reserve"],
  undos: ["reserve", "create-disks", "write-seed", "define"],
  prepare: async () => ({
    ...smallInstance(),
    systemDisk: { image: readyImage, sizeGiB: gib(3) },
    dataDisks: [{ sizeGiB: gib(1) }, { sizeGiB: gib(2) }],
    start: true,
    cloudInit: { password: "correct horse" },
  }),
  begin: async (world, input, idempotencyKey) => task(await world.call("instance.create", input, { idempotencyKey })),
  accomplished: async (world, { name }) => expect(await named(world, name)).toMatchObject({ name, state: "running" }),
  untouched: async (world, { name }) => expect(await named(world, name)).toBeUndefined(),
};

const remove: SagaScenario<Instance> = {
  operation: "instance.delete",
  undos: ["mark", "undefine"],
  onwardsOnly: ["delete-disks", "release"],
  prepare: (world) => world.created({ dataDisks: [{ sizeGiB: gib(1) }] }),
  begin: async (world, { id }, idempotencyKey) => task(await world.call("instance.delete", { id }, { idempotencyKey })),
  accomplished: async (world, { id }) =>
    expect(await codeOf(world.call("instance.get", { id }))).toBe("instance-not-found"),
  untouched: async (world, instance) => expect(await stateOf(world, instance)).toBe("stopped"),
};

const start: SagaScenario<Instance> = {
  operation: "instance.start",
  undos: [],
  prepare: (world) => world.created(),
  begin: (world, { id }, idempotencyKey) => world.call("instance.start", { id, media: readyMedia }, { idempotencyKey }),
  accomplished: async (world, instance) => expect(await stateOf(world, instance)).toBe("running"),
  // A start that failed after its effect has started it; that the row says what the cell says is among the invariants.
  untouched: async () => {},
};

const running = async (world: World): Promise<Instance> => {
  const instance = await world.created({ start: true });
  await until("it runs", async () => (await stateOf(world, instance)) === "running");
  return instance;
};

const stop: SagaScenario<Instance> = {
  operation: "instance.stop",
  undos: ["stop"],
  prepare: running,
  begin: (world, { id }, idempotencyKey) => world.call("instance.stop", { id }, { idempotencyKey }),
  accomplished: (world, instance) =>
    until("the guest followed", async () => (await stateOf(world, instance)) === "stopped"),
  untouched: async () => {},
};

const reboot: SagaScenario<Instance> = {
  operation: "instance.reboot",
  undos: [],
  prepare: running,
  begin: (world, { id }, idempotencyKey) => world.call("instance.reboot", { id, force: true }, { idempotencyKey }),
  accomplished: async (world, instance) => expect(await stateOf(world, instance)).toBe("running"),
  untouched: async () => {},
};

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
  prepare: (world) => withSnapshot(world),
  begin: (world, taken, idempotencyKey) => world.call("snapshot.delete", { ...taken, force: true }, { idempotencyKey }),
  accomplished: async (world, taken) => expect(await countOf(world, taken)).toBe(0),
  untouched: async () => {},
};
const disksOf = async (world: World, { id }: Pick<Instance, "id">) => (await world.call("instance.get", { id })).disks;
const withData = (world: World) => world.created({ dataDisks: [{ sizeGiB: gib(1) }] });

const addDisk: SagaScenario<Instance> = {
  operation: "disk.add",
  undos: ["reserve", "create", "define"],
  prepare: (world) => world.created(),
  begin: (world, { id }, idempotencyKey) => world.call("disk.add", { id, sizeGiB: gib(3) }, { idempotencyKey }),
  accomplished: async (world, instance) =>
    expect(await disksOf(world, instance)).toEqual([...instance.disks, { name: "data-1", sizeGiB: gib(3) }]),
  untouched: async (world, instance) => expect(await disksOf(world, instance)).toEqual(instance.disks),
};

const removeDisk: SagaScenario<Instance> = {
  operation: "disk.remove",
  undos: ["detach", "define"],
  onwardsOnly: ["delete", "release"],
  prepare: withData,
  begin: (world, { id }, idempotencyKey) => world.call("disk.remove", { id, disk: "data-1" }, { idempotencyKey }),
  accomplished: async (world, instance) =>
    expect((await disksOf(world, instance)).map(({ name }) => name)).toEqual(["system"]),
  untouched: async (world, instance) => expect(await disksOf(world, instance)).toEqual(instance.disks),
};

const growDisk: SagaScenario<Instance> = {
  operation: "disk.grow",
  undos: ["reserve", "define"],
  prepare: (world) => world.created(),
  begin: (world, { id }, idempotencyKey) =>
    world.call("disk.grow", { id, disk: "system", sizeGiB: gib(5) }, { idempotencyKey }),
  accomplished: async (world, instance) =>
    expect(await disksOf(world, instance)).toEqual([{ name: "system", sizeGiB: gib(5) }]),
  // What has grown stays so; then everyone knows.
  untouched: async (world, instance) => {
    const size = world.cell.disks.get(`${instance.id}/system`)?.sizeGiB ?? 0;
    expect(await disksOf(world, instance)).toEqual([{ name: "system", sizeGiB: gib(size) }]);
    expect(world.cell.domains.get(instance.id)?.spec.disks).toEqual([{ name: "system", sizeGiB: gib(size) }]);
  },
};

const shrinkDisk: SagaScenario<Instance> = {
  operation: "disk.shrink",
  undos: ["rewrite", "switch"],
  onwardsOnly: ["discard"],
  prepare: (world) => world.created(),
  begin: (world, { id }, idempotencyKey) => world.call("disk.shrink", { id, disk: "system" }, { idempotencyKey }),
  accomplished: async (world, instance) =>
    expect(await disksOf(world, instance)).toEqual([{ name: "system", sizeGiB: gib(2), generation: 1 }]),
  untouched: async (world, instance) => expect(await disksOf(world, instance)).toEqual(instance.disks),
};

const imageNames = (world: World) => [...world.images.values()].map(({ image }) => image.name);

const exportDisk: SagaScenario<Instance> = {
  operation: "disk.export",
  undos: ["register", "copy"],
  onwardsOnly: ["discard"],
  prepare: (world) => world.created(),
  begin: (world, { id, name }, idempotencyKey) =>
    world.call("disk.export", { id, disk: "system", name: `${name} golden` }, { idempotencyKey }),
  accomplished: async (world, { name }) => expect(imageNames(world)).toContain(`${name} golden`),
  untouched: async (world, { name }) => expect(imageNames(world)).not.toContain(`${name} golden`),
};

const nicsOf = async (world: World, { id }: Pick<Instance, "id">) => (await world.call("instance.get", { id })).nics;
/** What its cell defined it with, and what the guest has. */
const plugged = (world: World, { id }: Pick<Instance, "id">) => {
  const { spec, live } = world.cell.domains.get(id) ?? {};
  return [spec, live].map((each) => each?.nics?.map(({ name }) => name) ?? ["nic-1"]);
};

const addNic: SagaScenario<Instance> = {
  operation: "nic.add",
  atOnce: ["reserve"],
  undos: ["reserve", "write-seed", "define"],
  prepare: async (world) => {
    const instance = await world.created({ start: true, cloudInit: { password: "correct horse" } });
    await until("it runs", async () => (await stateOf(world, instance)) === "running");
    return instance;
  },
  begin: (world, { id }, idempotencyKey) => world.call("nic.add", { id, model: "e1000" }, { idempotencyKey }),
  accomplished: async (world, instance) => {
    expect((await nicsOf(world, instance)).map(({ model }) => model)).toEqual(["virtio", "e1000"]);
    expect(plugged(world, instance)).toEqual([
      ["nic-1", "nic-2"],
      ["nic-1", "nic-2"],
    ]);
  },
  untouched: async (world, instance) => {
    expect(await nicsOf(world, instance)).toEqual(instance.nics);
    expect(plugged(world, instance)).toEqual([["nic-1"], ["nic-1"]]);
  },
};

const removeNic: SagaScenario<Instance> = {
  operation: "nic.remove",
  undos: ["write-seed", "define"],
  onwardsOnly: ["release"],
  prepare: async (world) => {
    const instance = await addNic.prepare(world);
    await world.ended(await world.call("nic.add", { id: instance.id }));
    return world.call("instance.get", { id: instance.id });
  },
  begin: (world, { id }, idempotencyKey) => world.call("nic.remove", { id, nic: "nic-2" }, { idempotencyKey }),
  accomplished: async (world, instance) => {
    expect(await nicsOf(world, instance)).toEqual(instance.nics.slice(0, 1));
    expect(plugged(world, instance)).toEqual([["nic-1"], ["nic-1"]]);
  },
  untouched: async (world, instance) => {
    expect(await nicsOf(world, instance)).toEqual(instance.nics);
    expect(plugged(world, instance)).toEqual([
      ["nic-1", "nic-2"],
      ["nic-1", "nic-2"],
    ]);
  },
};

const pause: SagaScenario<Instance> = {
  operation: "instance.pause",
  undos: [],
  prepare: running,
  begin: (world, { id }, idempotencyKey) => world.call("instance.pause", { id }, { idempotencyKey }),
  accomplished: async (world, instance) => expect(await stateOf(world, instance)).toBe("paused"),
  untouched: async () => {},
};

const resume: SagaScenario<Instance> = {
  operation: "instance.resume",
  undos: [],
  prepare: async (world) => {
    const instance = await running(world);
    await world.ended(await world.call("instance.pause", { id: instance.id }));
    return instance;
  },
  begin: (world, { id }, idempotencyKey) => world.call("instance.resume", { id }, { idempotencyKey }),
  accomplished: async (world, instance) => expect(await stateOf(world, instance)).toBe("running"),
  untouched: async () => {},
};

const modify: SagaScenario<Instance> = {
  operation: "instance.modify",
  atOnce: ["reserve"],
  undos: ["reserve", "define"],
  prepare: running,
  begin: (world, { id, name }, idempotencyKey) =>
    world.call(
      "instance.modify",
      { id, name: `${name}-b`, cores: 3, qos: { readIops: 100 }, tags: ["new"] },
      { idempotencyKey },
    ),
  accomplished: async (world, { id, name }) =>
    expect(await world.call("instance.get", { id })).toMatchObject({ name: `${name}-b`, cores: 3, tags: ["new"] }),
  untouched: async (world, { id, name, cores, qos, tags }) => {
    expect(await world.call("instance.get", { id })).toMatchObject({ name, cores, qos, tags });
    expect(world.cell.domains.get(id)?.spec).toMatchObject({ name, cores, qos, tags });
    expect(world.cell.domains.get(id)?.live ?? { cores }).toMatchObject({ cores });
  },
};

const reset: SagaScenario<Instance> = {
  operation: "system.reset",
  undos: [],
  onwardsOnly: ["erase", "create-disk", "define"],
  prepare: (world) => world.created({ dataDisks: [{ sizeGiB: gib(1) }] }),
  begin: (world, { id }, idempotencyKey) => world.call("system.reset", { id, image: readyImage }, { idempotencyKey }),
  accomplished: async (world, { id }) =>
    expect((await world.call("instance.get", { id })).disks[0]?.image?.id).toBe(readyImage),
  untouched: async (world, { id }) =>
    expect((await world.call("instance.get", { id })).disks[0]?.image).toBeUndefined(),
};

/** A source with a cloud-init drive and two disks, to be cloned under this name. */
const source = async (world: World): Promise<{ id: Instance["id"]; name: string }> => {
  const { id, name } = await world.created({
    systemDisk: { image: readyImage, sizeGiB: gib(3) },
    dataDisks: [{ sizeGiB: gib(1) }],
    cloudInit: { password: "correct horse" },
  });
  return { id, name: `${name}-clone` };
};
const clone = (
  mode: "full" | "linked",
  undos: readonly string[],
): SagaScenario<{ id: Instance["id"]; name: string }> => ({
  operation: "instance.clone",
  atOnce: ["reserve"],
  undos,
  prepare: source,
  begin: async (world, { id, name }, idempotencyKey) =>
    task(await world.call("instance.clone", { id, name, mode, start: true }, { idempotencyKey })),
  accomplished: async (world, { id, name }) => {
    expect(await named(world, name)).toMatchObject({
      name,
      state: "running",
      disks: [{ name: "system" }, { name: "data-1" }],
    });
    expect(await stateOf(world, { id })).toBe("stopped");
    const generations = (await disksOf(world, { id })).map(({ generation }) => generation);
    expect(generations).toEqual(mode === "linked" ? [1, 1] : [undefined, undefined]);
  },
  untouched: async (world, { id, name }) => {
    expect(await named(world, name)).toBeUndefined();
    // It may have switched to its next files, and stays with them then; everyone knows.
    expect(world.cell.domains.get(id)?.spec.disks).toEqual(await disksOf(world, { id }));
  },
});
const fullClone = clone("full", ["reserve", "copy-disks", "write-seed", "define"]);
const linkedClone = clone("linked", ["reserve", "link-disks", "write-seed", "define"]);

const suite = <S>(scenario: SagaScenario<S>) =>
  describe(scenario.operation, () => {
    test("fails at every step and leaves nothing", () => failsEverywhere(scenario), 60_000);
    test("every step may run twice", () => stepsRunTwice(scenario), 60_000);
    test("every undo may run twice", () => undosRunTwice(scenario), 60_000);
    test("is killed at every step and goes on", () => killedEverywhere(scenario), 180_000);
  });

suite(create);
suite(remove);
suite(start);
suite(stop);
suite(reboot);
suite(insert);
suite(eject);
suite(takeSnapshot);
suite(restoreSnapshot);
suite(deleteSnapshot);
suite(pause);
suite(resume);
suite(modify);
suite(reset);
suite(addDisk);
suite(removeDisk);
suite(growDisk);
suite(shrinkDisk);
suite(exportDisk);
suite(fullClone);
suite(linkedClone);
suite(addNic);
suite(removeNic);
