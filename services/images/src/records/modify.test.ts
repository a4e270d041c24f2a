/** What is said of a file, changed; who uses it, told. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Actor, type ImageId, type InstanceId, type MediaId, NanoError } from "@nano/contract";
import { isoFile, qcow2File } from "../testing/files.ts";
import { openWorld, put, refusal, type World } from "../testing/world.ts";

let world: World;
let image: ImageId;
beforeAll(async () => {
  world = await openWorld();
  const ticket = await world.create("image", { name: "debian" });
  await put(ticket, new Uint8Array(await qcow2File("3G")));
  image = ticket.id as ImageId;
});
afterAll(() => world[Symbol.asyncDispose]());

const get = () => world.bus.call("image.get", { id: image });
const modify = (input: object, context: object = {}) =>
  world.bus.call("image.modify", { id: image, ...input } as never, context);

test("only what is sent changes, and what is found by it", async () => {
  const before = await get();
  const after = await modify({ name: "Debian 12", tags: ["Linux", "lts"], visibility: "public" });
  const { usedBy: _, ...rest } = before;
  expect(after).toEqual({
    ...rest,
    name: "Debian 12",
    tags: ["Linux", "lts"],
    visibility: "public",
    revision: before.revision + 1,
    modifiedAt: after.modifiedAt,
  });
  const found = await world.bus.call("image.list", { search: "LTS" });
  expect(found.items.map(({ name }) => name)).toEqual(["Debian 12"]);
});

test("who was slower is told, and changes nothing; a repetition is one change", async () => {
  const { revision } = await get();
  const context = { idempotencyKey: "once" };
  const first = await modify({ description: "first", revision }, context);
  expect((await modify({ description: "first", revision }, context)).revision).toBe(first.revision);
  expect(await refusal(modify({ description: "second", revision }))).toBe("revision-mismatch");
  expect(await refusal(modify({ description: "other", revision }, context))).toBe("idempotency-key-reused");
  expect((await get()).description).toBe("first");
});

test("of fifty who read the same at once, one changes it", async () => {
  const { revision } = await get();
  const all = Array.from({ length: 50 }, (_, i) => refusal(modify({ description: `by ${i}`, revision })));
  const codes = await Promise.all(all);
  expect(codes.filter((code) => code === "no refusal")).toHaveLength(1);
  expect(codes.filter((code) => code === "revision-mismatch")).toHaveLength(49);
});

test("what was changed since it was read is not deleted", async () => {
  const { id } = await world.create("image", { name: "to-go" });
  const { revision } = await world.bus.call("image.get", { id: id as ImageId });
  await world.bus.call("image.modify", { id: id as ImageId, description: "changed meanwhile" });
  expect(await refusal(world.bus.call("image.delete", { id: id as ImageId, revision }))).toBe("revision-mismatch");
  await world.bus.call("image.delete", { id: id as ImageId, revision: revision + 1 });
  expect(await refusal(world.bus.call("image.get", { id: id as ImageId }))).toBe("image-not-found");
});

test("another's name is taken, and one's own is not", async () => {
  await world.create("image", { name: "other" });
  expect(await refusal(modify({ name: "other" }))).toBe("name-taken");
  expect(await refusal(modify({ name: (await get()).name }))).toBe("no refusal");
});

test("a disk made of it is at least as large as its own, or as its owner says", async () => {
  expect((await get()).minimumDiskGiB).toBe(3 as never);
  expect(await refusal(modify({ minimumDiskGiB: 2 }))).toBe("invalid-input");
  expect((await modify({ minimumDiskGiB: 8 })).minimumDiskGiB).toBe(8 as never);
  const source = await world.nats.bus("scheduler").call("image.source", { id: image });
  expect(source.minimumDiskGiB).toBe(8 as never);
  expect((await modify({ minimumDiskGiB: 3 })).minimumDiskGiB).toBe(3 as never);
  const said = await world.bus.call("image.create", { name: "said before", minimumDiskGiB: 5 as never });
  expect(said.image.minimumDiskGiB).toBe(5 as never);
});

describe("in use", () => {
  const users = Array.from({ length: 12 }, (_, i) => ({ id: Bun.randomUUIDv7() as InstanceId, name: `web-${i}` }));
  const person = (...permissions: Actor["permissions"]): Actor => ({ kind: "user", id: "u", name: "ann", permissions });

  test("is told: how many to everyone, which to those who may see instances", async () => {
    await modify({ visibility: "public" });
    world.users.set(image, users);
    const shown = (actor: Actor) => world.bus.call("image.get", { id: image }, { actor });
    expect((await shown(person("image.read", "instance.read"))).usedBy).toEqual({ count: 12, instances: users });
    expect((await shown(person("image.read"))).usedBy).toEqual({ count: 12 });
    const { items } = await world.bus.call("image.list", {});
    expect(items.find(({ id }) => id === image)?.usedBy).toEqual({ count: 12 });
  });

  test("is kept until it is forced", async () => {
    const refused = await world.bus.call("image.delete", { id: image }).catch((error) => error);
    expect(refused).toBeInstanceOf(NanoError);
    expect(refused).toMatchObject({ code: "in-use", details: { count: 12 } });
    expect(refused.message).toContain("web-0, web-1");
    expect(refused.message).toContain("2 more");
    expect(await world.state("image", image)).toMatchObject({ state: "ready" });
    expect(await refusal(world.bus.call("image.delete", { id: image, force: true }))).toBe("no refusal");
    expect(await refusal(get())).toBe("image-not-found");
  });

  test("a medium, too", async () => {
    const ticket = await world.create("media");
    await put(ticket, new Uint8Array(isoFile()));
    const id = ticket.id as MediaId;
    world.users.set(id, users.slice(0, 1));
    expect(await refusal(world.bus.call("media.delete", { id }))).toBe("in-use");
    expect(await refusal(world.bus.call("media.delete", { id, force: true }))).toBe("no refusal");
  });
});
