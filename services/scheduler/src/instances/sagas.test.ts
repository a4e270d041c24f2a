/** Sagas of instances as a whole, through the five tests that every saga passes. */
import { expect } from "bun:test";
import type { Input, Instance, Task } from "@nano/contract";
import { everySagaTest, type SagaScenario } from "../tasks/saga-testing.ts";
import { readyImage, readyMedia } from "../testing/images.ts";
import { disksOf, running, stateOf } from "../testing/instances.ts";
import { codeOf, smallInstance, until, type World } from "../testing/world.ts";
import { gib } from "../units.ts";

const task = (answer: Task | { kind: "plan" }): Task => {
  if (answer.kind !== "task") throw new Error("A plan was not asked for");
  return answer;
};

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

const stop: SagaScenario<Instance> = {
  operation: "instance.stop",
  undos: ["stop"],
  irrevocable: ["stop"],
  prepare: running,
  begin: (world, { id }, idempotencyKey) => world.call("instance.stop", { id }, { idempotencyKey }),
  accomplished: (world, instance) =>
    until("the guest followed", async () => (await stateOf(world, instance)) === "stopped"),
  untouched: async () => {},
};

const reboot: SagaScenario<Instance> = {
  operation: "instance.reboot",
  undos: [],
  irrevocable: ["reboot"],
  prepare: running,
  begin: (world, { id }, idempotencyKey) => world.call("instance.reboot", { id, force: true }, { idempotencyKey }),
  accomplished: async (world, instance) => expect(await stateOf(world, instance)).toBe("running"),
  untouched: async () => {},
};

const politeReboot: SagaScenario<Instance> = {
  ...reboot,
  begin: (world, { id }, idempotencyKey) => world.call("instance.reboot", { id }, { idempotencyKey }),
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

everySagaTest(create);
everySagaTest(remove);
everySagaTest(start);
everySagaTest(stop);
everySagaTest(reboot);
everySagaTest(politeReboot);
everySagaTest(pause);
everySagaTest(resume);
everySagaTest(modify);
everySagaTest(fullClone);
everySagaTest(linkedClone);
