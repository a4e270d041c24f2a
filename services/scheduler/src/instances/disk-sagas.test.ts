/** Sagas of instances' disks and network interfaces, through the five tests that every saga passes. */
import { expect } from "bun:test";
import type { Instance } from "@nano/contract";
import { everySagaTest, type SagaScenario } from "../tasks/saga-testing.ts";
import { readyImage } from "../testing/images.ts";
import { disksOf, stateOf } from "../testing/instances.ts";
import { until, type World } from "../testing/world.ts";
import { gib } from "../units.ts";

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
  irrevocable: ["grow"],
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

everySagaTest(addDisk);
everySagaTest(removeDisk);
everySagaTest(growDisk);
everySagaTest(shrinkDisk);
everySagaTest(exportDisk);
everySagaTest(addNic);
everySagaTest(removeNic);
everySagaTest(reset);
