/** Instances as the tests of sagas look at them. */
import type { Instance } from "@nano/contract";
import { until, type World } from "./world.ts";

export const stateOf = async (world: World, { id }: Pick<Instance, "id">) =>
  (await world.call("instance.get", { id })).state;

export const running = async (world: World): Promise<Instance> => {
  const instance = await world.created({ start: true });
  await until("it runs", async () => (await stateOf(world, instance)) === "running");
  return instance;
};

export const disksOf = async (world: World, { id }: Pick<Instance, "id">) =>
  (await world.call("instance.get", { id })).disks;
