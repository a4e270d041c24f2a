/** Whose images and media instances are made of: only what the person who asks may see; and who uses which. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Actor } from "@nano/contract";
import { readyImage, readyMedia, stranger, unknownImage } from "../testing/images.ts";
import { codeOf, World } from "../testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world[Symbol.asyncDispose]());

const asking = (name: string): { actor: Actor } => ({
  actor: { kind: "user", id: name, name, permissions: ["*"] },
});
const fromImage = { systemDisk: { sizeGiB: 2 as never, image: readyImage } };

test("nothing is made of an image, or started from a medium, that its person may not see", async () => {
  const [mine, theirs] = [asking("ann"), asking(stranger)];
  const { id } = await world.created();
  const { id: made } = await world.created(fromImage);
  const create = (who: object, dryRun: boolean) =>
    codeOf(
      world.call(
        "instance.create",
        {
          name: `new-${Bun.randomUUIDv7().slice(-6)}`,
          pool: "default" as never,
          cores: 1,
          memoryMiB: 16 as never,
          dryRun,
          ...fromImage,
        },
        who,
      ),
    );
  for (const dryRun of [true, false]) expect(await create(theirs, dryRun)).toBe("image-not-found");
  expect(await create(mine, true)).toBe("no error");
  // Also of the one that it was made of, if that is not for them any more.
  for (const [instance, image] of [
    [id, { image: readyImage }],
    [made, {}],
  ] as const)
    expect(await codeOf(world.call("system.reset", { id: instance, ...image }, theirs))).toBe("image-not-found");
  for (const name of ["media.insert", "instance.start"] as const)
    expect(await codeOf(world.call(name, { id, media: readyMedia }, theirs))).toBe("media-not-found");
  expect((await world.call("instance.get", { id })).state).toBe("stopped");
});

test("who uses an image: named when one is asked about, counted when several are", async () => {
  await using own = await World.start();
  const users = async (...images: (typeof readyImage)[]) => (await own.call("image.users", { images })).items;
  expect(await users(readyImage)).toEqual([{ image: readyImage, usedBy: { count: 0, instances: [] } }]);
  const one = await own.created({ ...fromImage, name: "b" });
  const two = await own.created({ ...fromImage, name: "a" });
  const blank = await own.created({ name: "blank" });
  const named = [two, one].map(({ id, name }) => ({ id, name }));
  expect(await users(readyImage)).toEqual([{ image: readyImage, usedBy: { count: 2, instances: named } }]);
  expect(await users(unknownImage, readyImage)).toEqual([
    { image: unknownImage, usedBy: { count: 0, instances: [] } },
    { image: readyImage, usedBy: { count: 2 } },
  ]);
  await own.ended(await own.call("system.reset", { id: blank.id, image: readyImage }));
  await own.ended(await own.call("system.reset", { id: one.id, blank: true }));
  await own.ended(await own.remove(two.id));
  const left = [{ id: blank.id, name: "blank" }];
  expect(await users(readyImage)).toEqual([{ image: readyImage, usedBy: { count: 1, instances: left } }]);
  expect(await users()).toEqual([]);
});
