/** The main road: a record, its upload, its bytes, its end. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { InstanceId, MediaId, NanoError } from "@nano/contract";
import { fullQcow2File, isoFile, qcow2File } from "./testing/files.ts";
import { openWorld, put, refusal, sha256Of, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

describe("a disk image", () => {
  test("is uploaded, verified, served to a cell, and deleted", async () => {
    const file = await fullQcow2File(3);
    const sha256 = sha256Of(file);
    const ticket = await world.create("image", { name: "debian-12", tags: ["linux"], bytes: file.length, sha256 });
    expect(await world.state("image", ticket.id)).toEqual({ state: "uploading", code: undefined, bytes: 0 });

    const stored = await put(ticket, file);
    expect(stored.status).toBe(200);
    const record = await world.bus.call("image.get", { id: ticket.id as never });
    const { usedBy, ...rest } = record;
    expect(usedBy).toEqual({ count: 0, instances: [] });
    expect(await stored.json()).toEqual(JSON.parse(JSON.stringify(rest)));
    expect(record).toMatchObject({
      name: "debian-12",
      tags: ["linux"],
      state: "ready",
      bytes: file.length,
      sha256,
      format: "qcow2",
      virtualBytes: 3 * 2 ** 20,
      owner: "gateway",
    });
    expect(await world.files()).toEqual([`blobs/${sha256.slice(0, 2)}/${sha256}`]);

    const source = await world.bus.call("image.source", { id: record.id });
    expect(source).toMatchObject({ name: "debian-12", sha256, bytes: file.length, format: "qcow2" });
    expect(source.url).toBe(`${world.url}/blob/${sha256}`);
    const fetched = await fetch(source.url, { headers: { authorization: `Bearer ${source.ticket}` } });
    expect(fetched.status).toBe(200);
    expect(sha256Of(new Uint8Array(await fetched.arrayBuffer()))).toBe(sha256);

    expect(await world.bus.call("image.delete", { id: record.id })).toEqual({});
    expect(await refusal(world.bus.call("image.get", { id: record.id }))).toBe("image-not-found");
    expect(await world.files()).toEqual([]);
    const after = await fetch(source.url, { headers: { authorization: `Bearer ${source.ticket}` } });
    expect(after.status).toBe(404);
  });

  test.each([
    "compat=0.10",
    "compat=1.1",
    "cluster_size=512",
    "cluster_size=2M",
    "lazy_refcounts=on",
    "extended_l2=on",
  ])("is accepted as qemu-img makes it with %s", async (option) => {
    const ticket = await world.create("image");
    const response = await put(ticket, await qcow2File("1G", option));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ state: "ready", virtualBytes: 2 ** 30 });
  });

  test.each([
    ["compressed with zlib", ["-c"]],
    ["compressed with zstd", ["-c", "-o", "compression_type=zstd"]],
  ])("is accepted %s", async (_how, options) => {
    const response = await put(await world.create("image"), await fullQcow2File(2, ...options));
    expect(response.status).toBe(200);
  });
});

describe("a media image", () => {
  test("is uploaded, verified and served", async () => {
    const file = isoFile({ label: "DEBIAN_12" });
    const ticket = await world.create("media");
    const response = await put(ticket, file);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ state: "ready", format: "iso", volumeLabel: "DEBIAN_12" });
    const source = await world.bus.call("media.source", { id: ticket.id as never });
    expect(source).toMatchObject({ format: "iso", sha256: sha256Of(file) });
  });
});

describe("media in use", () => {
  test("cannot be deleted until nobody has it in the drive", async () => {
    const ticket = await world.create("media");
    expect((await put(ticket, await isoFile())).status).toBe(200);
    const id = ticket.id as MediaId;
    world.users.set(id, [{ id: Bun.randomUUIDv7() as InstanceId, name: "web-1" }]);
    const refused: NanoError = await world.bus.call("media.delete", { id }).then(
      () => expect.unreachable(),
      (error) => error,
    );
    expect(refused.code).toBe("in-use");
    expect(refused.message).toContain("web-1");
    expect(await world.state("media", id)).toMatchObject({ state: "ready" });
    world.users.delete(id);
    expect(await world.bus.call("media.delete", { id })).toEqual({});
    expect(await refusal(world.bus.call("media.delete", { id }))).toBe("media-not-found");
  });
});

test("a list has capitals among the small letters, also from page to page; a name that is taken is said in words", async () => {
  await using own = await openWorld();
  for (const name of ["beta", "Alpha", "alpha-2", "Gamma", "BETA-2", "delta"]) await own.create("image", { name });
  const wanted = ["Alpha", "alpha-2", "beta", "BETA-2", "delta", "Gamma"];
  const { items } = await own.bus.call("image.list", {});
  expect(items.map(({ name }) => name)).toEqual(wanted);
  const paged: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await own.bus.call("image.list", { limit: 2, ...(cursor ? { cursor } : {}) });
    paged.push(...page.items.map(({ name }) => name));
    if (!page.next) break;
    cursor = page.next;
  }
  expect(paged).toEqual(wanted);
  await expect(own.create("image", { name: "beta" })).rejects.toThrow("There is an image with the name 'beta' already");
});
