/** One person who fills all places that are theirs leaves the others' free. */
import { beforeAll, expect, test } from "bun:test";
import type { Actor, Bytes, ImageId, RenditionFormat } from "@nano/contract";
import { readNetwork } from "./imports/addresses.ts";
import { fullQcow2File, rawFile } from "./testing/files.ts";
import { offsetOf, patch } from "./testing/tus.ts";
import { openWorld, put, refusal, sha256Of, until, type World } from "./testing/world.ts";

const person = (name: string): { actor: Actor } => ({ actor: { kind: "user", id: name, name, permissions: ["*"] } });
const [ann, bob] = [person("ann"), person("bob")];

let file: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  file = new Uint8Array(await fullQcow2File(2));
});
let count = 0;
const create = async (world: World, who: { actor: Actor }, input: { bytes?: Bytes } = {}) => {
  const { image, upload } = await world.bus.call("image.create", { name: `image ${++count}`, ...input }, who);
  return { id: image.id as ImageId, ...upload };
};
const stateOf = async (world: World, id: ImageId) => (await world.bus.call("image.get", { id })).state;
const stored = async (world: World, who: { actor: Actor }): Promise<ImageId> => {
  const ticket = await create(world, who);
  expect((await put(ticket, file)).status).toBe(200);
  return ticket.id;
};

/** An upload of which half has come, and that goes on when it is told to. */
const standing = async (world: World, who: { actor: Actor }) => {
  const ticket = await create(world, who);
  const rest = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(file.subarray(0, 1_000_000));
      await rest.promise;
      controller.enqueue(file.subarray(1_000_000));
      controller.close();
    },
  });
  const answer = put(ticket, body);
  await until("it has begun", async () => (await world.bus.call("image.get", { id: ticket.id })).bytes > 0);
  const finish = () => {
    rest.resolve();
    return answer;
  };
  return { id: ticket.id, finish };
};

/** What a refusal over HTTP says, and when to come again. */
const told = async (response: Response) => {
  const { code, details } = (await response.json()) as { code: string; details: unknown };
  return [response.status, code, details, response.headers.get("retry-after")];
};
const overloaded = [429, "overloaded", { retryAfterSeconds: 10 }, "10"];

test("uploads: another one is refused before its time, and loses nothing", async () => {
  await using world = await openWorld({ limits: { maxUploads: 4, maxUploadsEach: 2 } });
  const waiting = await create(world, ann, { bytes: file.length as Bytes });
  const half = 1_000_000;
  expect((await patch(waiting, 0, file.subarray(0, half))).status).toBe(204);
  const running = [await standing(world, ann), await standing(world, ann)];

  const third = await create(world, ann);
  for (let again = 0; again < 2; again++) expect(await told(await put(third, file))).toEqual(overloaded);
  const form = new FormData();
  form.set("ticket", third.ticket);
  form.set("file", new Blob([file]));
  expect(await told(await fetch(third.url, { method: "POST", body: form }))).toEqual(overloaded);
  expect(await told(await patch(waiting, half, file.subarray(half)))).toEqual(overloaded);
  expect(await offsetOf(waiting)).toBe(half);
  expect([await stateOf(world, third.id), await stateOf(world, waiting.id)]).toEqual(["uploading", "uploading"]);

  await stored(world, bob);
  for (const { finish } of running) expect((await finish()).status).toBe(200);
  expect((await put(third, file)).status).toBe(200);
  expect((await patch(waiting, half, file.subarray(half))).status).toBe(204);
  expect(await stateOf(world, waiting.id)).toBe("ready");
});

test("uploads: all of them together have a bound, too", async () => {
  await using world = await openWorld({ limits: { maxUploads: 2, maxUploadsEach: 2 } });
  const running = [await standing(world, ann), await standing(world, bob)];
  const late = await create(world, person("eve"));
  expect(await told(await put(late, file))).toEqual(overloaded);
  for (const { finish } of running) expect((await finish()).status).toBe(200);
  expect((await put(late, file)).status).toBe(200);
});

test("imports: others' are fetched while one person's stand still", async () => {
  const held = Promise.withResolvers<void>();
  let asked = 0;
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (request.url.endsWith("/slow")) {
        asked++;
        await held.promise;
      }
      return new Response(file);
    },
  });
  await using world = await openWorld({
    limits: { maxImports: 2, maxUploads: 1, maxUploadsEach: 1 },
    imports: { allowed: [readNetwork("127.0.0.1")], resolve: async () => ["127.0.0.1"] },
  });
  const begin = async (who: { actor: Actor }, path: string) => {
    const url = `http://images.test:${server.port}${path}`;
    return (
      await world.bus.call("image.import", { name: `image ${++count}`, url, sha256: sha256Of(file) } as never, who)
    ).id;
  };
  const anns = [await begin(ann, "/slow"), await begin(ann, "/slow"), await begin(ann, "/slow")];
  await until("one is asked for", () => asked === 1);
  const bobs = [await begin(bob, "/quick"), await begin(bob, "/quick")];
  for (const id of bobs) await until("it is here", async () => (await stateOf(world, id)) === "ready");
  expect(asked).toBe(1);
  held.resolve();
  for (const id of anns) await until("it is here", async () => (await stateOf(world, id)) === "ready");
});

test("conversions of uploads: others' go on while one person's stand still", async () => {
  const held = Promise.withResolvers<void>();
  let begun = 0;
  await using world = await openWorld({
    limits: { maxConversions: 2 },
    onStage: (stage) => {
      if (stage !== "converting") return;
      begun++;
      return begun === 1 ? held.promise : undefined;
    },
  });
  const convert = async (who: { actor: Actor }) => {
    const ticket = await create(world, who);
    return put(ticket, rawFile());
  };
  const anns = [convert(ann)];
  await until("one has begun", () => begun === 1);
  anns.push(convert(ann));
  await until("the other waits for it", async () => {
    const { items } = await world.bus.call("image.list", {}, ann);
    return items.filter(({ state }) => state === "checking").length === 2;
  });
  expect((await convert(bob)).status).toBe(200);
  expect(begun).toBe(2);
  held.resolve();
  for (const answer of anns) expect((await answer).status).toBe(200);
});

test("conversions for downloads: others' are made while one person's wait", async () => {
  const held = Promise.withResolvers<void>();
  let begun = 0;
  await using world = await openWorld({
    limits: { maxRenditions: 2, maxRenditionsAsked: 8, maxRenditionsEach: 2 },
    onStage: (stage) => {
      if (stage !== "making") return;
      begun++;
      return begun === 1 ? held.promise : undefined;
    },
  });
  const image = await stored(world, ann);
  await world.bus.call("image.modify", { id: image, visibility: "public" } as never, ann);
  const ask = (who: { actor: Actor }, format: RenditionFormat) =>
    world.bus.call("image.convert", { id: image, format }, who);
  const state = async (format: RenditionFormat) =>
    (await world.bus.call("image.get", { id: image })).renditions?.find((one) => one.format === format)?.state;
  await ask(ann, "vdi");
  await until("it has begun", () => begun === 1);
  await ask(ann, "vhd");
  expect(await refusal(ask(ann, "vmdk"))).toBe("overloaded");
  const refused = await ask(ann, "vmdk").catch((error) => error);
  expect(refused.details).toEqual({ retryAfterSeconds: 10 });
  await ask(bob, "vhdx");
  await until("it is made", async () => (await state("vhdx")) === "ready");
  expect(await state("vhd")).toBe("waiting");
  // A place that is free again is somebody else's in turn.
  await ask(bob, "raw");
  await until("it is made", async () => (await state("raw")) === "ready");
  held.resolve();
  await until("the rest is made", async () => (await state("vdi")) === "ready" && (await state("vhd")) === "ready");
});
