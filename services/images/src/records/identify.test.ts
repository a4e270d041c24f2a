/** Which records have a content: for cells that need it again, and for people who want to know what lies there. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Actor, Sha256 } from "@nano/contract";
import { isoFile, qcow2File } from "../testing/files.ts";
import { openWorld, put, sha256Of, type World } from "../testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const person = (name: string, permissions: Actor["permissions"]): Actor => ({
  kind: "user",
  id: name,
  name,
  permissions,
});
const ann = person("ann", ["image.read", "image.write", "media.read", "media.write"]);

test("a content is named by the oldest ready record of each kind that one may see", async () => {
  const [disk, iso] = [new Uint8Array(await qcow2File("1G")), new Uint8Array(isoFile())];
  const files = [sha256Of(disk), sha256Of(iso), "0".repeat(64)] as Sha256[];
  const identify = (reader?: Actor) =>
    world.nats
      .bus("scheduler")
      .call("image.identify", {
        files,
        ...(reader ? { reader: { ...reader, permissions: [...reader.permissions] } } : {}),
      })
      .then(({ items }) =>
        items.map(({ sha256, image, media }) => [files.indexOf(sha256), image?.name ?? media?.name]),
      );
  expect(await identify()).toEqual([]);

  const image = async (name: string, visibility: "private" | "public") => {
    const made = await world.bus.call("image.create", { name, visibility }, { actor: ann });
    expect(await identify()).not.toContainEqual([0, name]);
    expect((await put(made.upload, disk)).status).toBe(200);
    return made.image.id;
  };
  const mine = await image("mine", "private");
  await image("everyone's", "public");
  const medium = await world.bus.call("media.create", { name: "medium", visibility: "public" }, { actor: ann });
  expect((await put(medium.upload, iso)).status).toBe(200);

  const all = [
    [0, "mine"],
    [1, "medium"],
  ];
  // The scheduler asks for itself, too: a cell gets it whoever's it is.
  for (const reader of [undefined, ann]) expect(await identify(reader)).toEqual(all);
  expect(await identify(person("bob", ["image.read"]))).toEqual([[0, "everyone's"]]);
  expect(await identify(person("eve", ["instance.read"]))).toEqual([]);
  await world.bus.call("image.delete", { id: mine }, { actor: ann });
  expect(await identify()).toEqual([
    [0, "everyone's"],
    [1, "medium"],
  ]);
});
