import { afterAll, beforeAll, expect, test } from "bun:test";
import { readyImage } from "./testing/images.ts";
import { pool, until, World } from "./testing/world.ts";
import { gib, mib } from "./units.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world[Symbol.asyncDispose]());

test("the main job: create from an image, start, stop, delete", async () => {
  const created = await world.created({
    name: "web-1",
    cores: 2,
    memoryMiB: mib(2_048),
    systemDisk: { image: readyImage, sizeGiB: gib(20) },
    dataDisks: [{ sizeGiB: gib(5) }],
  });
  expect(created).toMatchObject({ name: "web-1", state: "stopped", cellName: "node-0", pool });
  expect(created.disks.map(({ name }) => name)).toEqual(["system", "data-1"]);
  expect(world.cell.disks.size).toBe(2);
  if (!created.decision) throw new Error("The decision is missing");
  const decision = await world.call("decision.get", { id: created.decision });
  expect(decision.winner?.name).toBe("node-0");

  const started = await world.ended(await world.call("instance.start", { id: created.id }));
  expect(started.state).toBe("done");
  expect((await world.call("instance.get", { id: created.id })).state).toBe("running");

  await world.ended(await world.call("instance.stop", { id: created.id }));
  await until(
    "the guest has followed",
    async () => (await world.call("instance.get", { id: created.id })).state === "stopped",
  );

  const deleted = await world.ended(await world.remove(created.id));
  expect(deleted.state).toBe("done");
  expect((await world.call("instance.list", {})).total).toBe(0);
  expect(world.cell.domains.size + world.cell.disks.size).toBe(0);
  expect((await world.call("pool.get", { name: pool })).reserved).toEqual({
    cores: 0,
    memoryMiB: mib(0),
    storageGiB: gib(0),
  });
});
