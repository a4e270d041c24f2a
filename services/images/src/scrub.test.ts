/** What happens to stored files behind the service's back: it is found, shown, and not served. */
import { expect, test } from "bun:test";
import { chmod, open, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fullQcow2File } from "./testing/files.ts";
import { openWorld, put, refusal, sha256Of, until, type World } from "./testing/world.ts";

const often = { reconcileMs: 20, graceMs: 0 };

const stored = async (world: World) => {
  const file = await fullQcow2File(2);
  const ticket = await world.create("image");
  expect((await put(ticket, file)).status).toBe(200);
  const sha256 = sha256Of(file);
  return { ...ticket, file, path: join(world.data, "blobs", sha256.slice(0, 2), sha256) };
};
/** Turns one bit, as a disk or a person may. */
const damage = async (path: string, { secretly = false } = {}) => {
  await chmod(path, 0o600);
  const handle = await open(path, "r+");
  const { atimeMs, mtimeMs } = await handle.stat();
  await handle.write(new Uint8Array([0x5a]), 0, 1, 1_000_000);
  await handle.close();
  if (secretly) await utimes(path, atimeMs / 1_000, (Math.floor(mtimeMs) + 0.5) / 1_000);
};
const source = (world: World, id: string) => world.nats.bus("scheduler").call("image.source", { id: id as never });

test("a file that was changed is not served from then on, and its record says why; uploaded again it is whole", async () => {
  await using world = await openWorld({ limits: { reconcileMs: 3_600_000 } });
  const { id, path, file } = await stored(world);
  const { url, ticket } = await source(world, id);
  await damage(path);
  const fetched = await fetch(url, { headers: { authorization: `Bearer ${ticket}` } });
  expect(fetched.status).toBe(409);
  expect(["image-not-ready", "image-damaged"]).toContain(await refusal(source(world, id)));
  await until("it is found", async () => (await world.state("image", id)).code === "image-damaged");
  const again = await world.bus.call("image.upload", { id: id as never });
  expect((await put(again, file)).status).toBe(200);
  expect(await source(world, id)).toMatchObject({ bytes: file.length });
  expect(sha256Of(await readFile(path))).toBe(sha256Of(file));
});

test("one that was only touched is served again when it is verified", async () => {
  await using world = await openWorld({ limits: { reconcileMs: 3_600_000 } });
  const { id, path } = await stored(world);
  await utimes(path, new Date(0), new Date(0));
  expect(await refusal(source(world, id))).toBe("image-not-ready");
  await until("it is served", async () => (await refusal(source(world, id))) === "no refusal");
  expect((await world.state("image", id)).state).toBe("ready");
});

test("a change without a trace is found when its time has come", async () => {
  await using world = await openWorld({ limits: { ...often, scrubMs: 60_000 } });
  const { id, path } = await stored(world);
  // Nobody looks in the moment between the damage and its cover.
  await world.stopService();
  await damage(path, { secretly: true });
  await world.restart();
  await Bun.sleep(200);
  expect((await world.state("image", id)).state).toBe("ready");
  world.clock.ahead += 61_000;
  await until("it is found", async () => (await world.state("image", id)).code === "image-damaged");
  await until("the file is gone", async () => (await world.files()).length === 0);
});

test("records of one content share its fate", async () => {
  await using world = await openWorld({ limits: often });
  const one = await stored(world);
  const two = await world.create("image");
  await put(two, one.file);
  await damage(one.path);
  for (const id of [one.id, two.id])
    await until("it is found", async () => (await world.state("image", id)).code === "image-damaged");
});

test("a file that grew is not the stored one", async () => {
  await using world = await openWorld({ limits: often });
  const { id, path, file } = await stored(world);
  await chmod(path, 0o600);
  await writeFile(path, Buffer.concat([file, file]));
  await until("it is found", async () => (await world.state("image", id)).code === "image-damaged");
});
