/** The main road with an object store behind it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImageId } from "@nano/contract";
import type { ImagesConfig } from "./config.ts";
import { fullQcow2File, rawOf } from "./testing/files.ts";
import { startS3, type TestStore } from "./testing/s3.ts";
import { codeOf, openWorld, put, refusal, sha256Of, until, type World } from "./testing/world.ts";

let s3: TestStore;
let file: Uint8Array<ArrayBufferLike>;
let sha256: string;
beforeAll(async () => {
  s3 = await startS3();
  file = await fullQcow2File(20);
  sha256 = sha256Of(file);
});
afterAll(() => s3[Symbol.asyncDispose]());

const open = (limits: ImagesConfig["limits"] = {}) => openWorld({ store: s3.options, limits });
const stored = async (world: World) => {
  const ticket = await world.create("image");
  expect((await put(ticket, file)).status).toBe(200);
  return ticket.id;
};
const object = () => s3.pathOf(`zone-1/blobs/${sha256.slice(0, 2)}/${sha256}`);
const source = (world: World, id: string) => world.nats.bus("scheduler").call("image.source", { id: id as never });

test("an image is stored once, served in ranges, kept over a restart, and deleted with its last record", async () => {
  await using world = await open({ reconcileMs: 50, graceMs: 0 });
  const [one, two] = [await stored(world), await stored(world)];
  expect(await world.files()).toEqual([]);
  expect(sha256Of(await readFile(object()))).toBe(sha256);
  await world.restart();
  const { url, ticket } = await source(world, one);
  const headers = { authorization: `Bearer ${ticket}` };
  const whole = await fetch(url, { headers });
  expect(sha256Of(new Uint8Array(await whole.arrayBuffer()))).toBe(sha256);
  const part = await fetch(url, { headers: { ...headers, range: "bytes=1000000-1000009" } });
  expect([part.status, new Uint8Array(await part.arrayBuffer())]).toEqual([206, file.slice(1_000_000, 1_000_010)]);
  await world.bus.call("image.delete", { id: one as never });
  expect((await world.state("image", two)).state).toBe("ready");
  await world.bus.call("image.delete", { id: two as never });
  await expect(readFile(object())).rejects.toMatchObject({ code: "ENOENT" });
});

test("an object that was changed or removed is found, shown, and not served", async () => {
  await using world = await open({ reconcileMs: 50, scrubMs: 1 });
  const id = await stored(world);
  const bytes = await readFile(object());
  bytes.writeUInt8(bytes.readUInt8(1_000_000) ^ 1, 1_000_000);
  await writeFile(object(), bytes);
  await until("it is found", async () => (await world.state("image", id)).code === "image-damaged");
  expect(await refusal(source(world, id))).toBe("image-not-ready");
  const again = await world.bus.call("image.upload", { id: id as never });
  expect((await put(again, file)).status).toBe(200);
  await rm(object());
  await until("its loss is found", async () => (await world.state("image", id)).code === "image-damaged");
});

test("in another format it is made here, and lies there; neither is left here", async () => {
  await using world = await open({ reconcileMs: 50, graceMs: 0 });
  const id = (await stored(world)) as ImageId;
  const input = { id, format: "raw" } as const;
  await world.bus.call("image.convert", input);
  const made = async () => (await world.bus.call("image.get", { id })).renditions?.[0];
  await until("it is made", async () => (await made())?.state === "ready");
  expect(await world.files()).toEqual([]);
  const { url, ticket } = await world.bus.call("image.download", input);
  const whole = await fetch(url, { headers: { authorization: `Bearer ${ticket}` } });
  expect(sha256Of(new Uint8Array(await whole.arrayBuffer()))).toBe(sha256Of(await rawOf("qcow2", file)));
  const { sha256: name = "" } = (await made()) ?? {};
  const lies = s3.pathOf(`zone-1/blobs/${name.slice(0, 2)}/${name}`);
  expect((await stat(lies)).size).toBe(20 * 2 ** 20);
  await world.bus.call("image.delete", { id });
  await expect(stat(lies)).rejects.toMatchObject({ code: "ENOENT" });
});

test("while the store is away uploads say so and nothing is lost; what was there is there again", async () => {
  const own = await startS3();
  await using _ = own;
  await using world = await openWorld({ store: own.options, limits: { reconcileMs: 50 } });
  const id = await stored(world);
  await own.stop();
  const ticket = await world.create("image");
  const refused = await put(ticket, file);
  expect([refused.status, await codeOf(refused)]).toEqual([503, "unavailable"]);
  expect(await refusal(source(world, id))).toBe("unavailable");
  await Bun.sleep(300);
  expect((await world.state("image", id)).state).toBe("ready");
  expect(await readdir(join(world.data, "uploads"))).toEqual([]);
});
