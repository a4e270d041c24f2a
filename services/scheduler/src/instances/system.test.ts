import { afterAll, beforeAll, expect, test } from "bun:test";
import { readyImage, unknownImage, uploadingImage } from "../testing/images.ts";
import { codeOf, smallInstance, World } from "../testing/world.ts";
import { gib } from "../units.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world[Symbol.asyncDispose]());

test("the system disk is made anew: from an image, from the same again, blank; data disks are not touched", async () => {
  const { id } = await world.created({ dataDisks: [{ sizeGiB: gib(1) }] });
  const disks = async () => (await world.call("instance.get", { id })).disks;
  const asked = () => world.cell.commands.filter(({ name }) => name === "cell.disk.delete");
  await world.ended(await world.call("system.reset", { id, image: readyImage }));
  expect((await disks())[0]).toMatchObject({ name: "system", sizeGiB: 2, image: { id: readyImage } });
  expect(world.cell.disks.get(`${id}/system`)?.base).toBeDefined();
  await world.ended(await world.call("system.reset", { id }));
  expect((await disks())[0]?.image?.id).toBe(readyImage);
  await world.ended(await world.call("system.reset", { id, blank: true }));
  expect(await disks()).toEqual([
    { name: "system", sizeGiB: gib(2) },
    { name: "data-1", sizeGiB: gib(1) },
  ]);
  expect(asked().map(({ input }) => Object(input).disk)).toEqual(["system", "system", "system"]);
});

test("cloud-init sees another first boot", async () => {
  const { id } = await world.created({
    systemDisk: { image: readyImage, sizeGiB: gib(3) },
    cloudInit: { password: "correct horse" },
  });
  const generation = async () => (await world.call("instance.get", { id })).cloudInit?.generation;
  expect(await generation()).toBe(1);
  expect((await world.ended(await world.call("system.reset", { id }))).state).toBe("done");
  expect(await generation()).toBe(2);
  const seeds = world.cell.commands.filter(({ name }) => name === "cell.instance.write-seed");
  expect(seeds.map(({ input }) => Object(input).generation)).toEqual([1, 2]);
});

test("what cannot be is refused before anything is erased", async () => {
  const { id } = await world.created();
  const refused = async (call: Promise<unknown>, code: string) => expect(await codeOf(call)).toBe(code);
  await refused(world.call("system.reset", { id, image: readyImage, blank: true }), "invalid-input");
  await refused(world.call("system.reset", { id, image: unknownImage }), "image-not-found");
  await refused(world.call("system.reset", { id, image: uploadingImage }), "image-not-ready");
  const small = await world.created({ systemDisk: { ...smallInstance().systemDisk, sizeGiB: gib(1) } });
  await refused(world.call("system.reset", { id: small.id, image: readyImage }), "disk-smaller-than-image");
  await world.ended(await world.call("snapshot.create", { id, name: "x" }));
  await refused(world.call("system.reset", { id }), "has-snapshots");
  const running = await world.created({ start: true });
  await refused(world.call("system.reset", { id: running.id }), "wrong-state");
  expect(world.cell.disks.has(`${id}/system`)).toBe(true);
});
