import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sha256 } from "@nano/contract";
import { sha256Of, storedFiles } from "../testing/world.ts";
import type { BlobStore } from "./blobs.ts";
import { openLocalBlobs } from "./local.ts";
import { asSha256 } from "./sha256.ts";

const bytes = new TextEncoder().encode("the bytes");
const sha256: Sha256 = asSha256(sha256Of(bytes));
const name = `blobs/${sha256.slice(0, 2)}/${sha256}`;
let data: string;
let blobs: BlobStore;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "nano-images-blobs-"));
  blobs = await openLocalBlobs({ directory: data, reserveBytes: 0 });
});
afterEach(() => rm(data, { recursive: true }));

const publish = async () => {
  const part = await blobs.begin("label");
  await part.append(bytes);
  await part.seal();
  await part.publish(sha256);
  await part.discard();
};

test("a part is private and unseen; published it is read-only and found", async () => {
  const part = await blobs.begin("label");
  await part.append(bytes);
  const [file = ""] = await storedFiles(data);
  expect(file).toMatch(/^uploads\/label\.[0-9a-f]{16}\.part$/);
  expect((await stat(join(data, file))).mode & 0o777).toBe(0o600);
  expect(await blobs.find(sha256)).toBeUndefined();
  const sealed = await part.seal();
  expect([sealed.length, await sealed.read(4, 100)]).toEqual([bytes.length, bytes.subarray(4)]);
  await part.publish(sha256);
  await part.discard();
  expect(await storedFiles(data)).toEqual([name]);
  expect((await stat(join(data, name))).mode & 0o777).toBe(0o400);
  expect(await blobs.find(sha256)).toMatchObject({ sha256, bytes: bytes.length });
  expect(await blobs.body(sha256).text()).toBe("the bytes");
});

test("discarding at any point leaves nothing, and twice is fine", async () => {
  const part = await blobs.begin("label");
  await part.append(bytes);
  await part.discard();
  await part.discard();
  expect(await storedFiles(data)).toEqual([]);
});

test("what a crash leaves of a removal is removed at the next start", async () => {
  await publish();
  // As it is between the two steps.
  await rename(join(data, name), join(data, "uploads/removed.0123456789abcdef.part"));
  expect(await blobs.find(sha256)).toBeUndefined();
  await publish();
  await blobs.remove(sha256);
  await blobs.remove(sha256);
  const next = await openLocalBlobs({ directory: data, reserveBytes: 0 });
  expect(await next.removeParts(new Set())).toBe(1);
  expect(await storedFiles(data)).toEqual([]);
});

describe("someone who can write there", () => {
  test("and planted a link under a blob's name gets nothing written through it, and nothing served", async () => {
    const victim = join(data, "victim");
    await writeFile(victim, "untouched");
    await mkdir(join(data, name, ".."), { recursive: true });
    await symlink(victim, join(data, name));
    expect(await blobs.find(sha256)).toBeUndefined();
    await publish();
    expect(await readFile(victim, "utf8")).toBe("untouched");
    expect(await readFile(join(data, name), "utf8")).toBe("the bytes");
  });
  test("and planted a hard link keeps their file", async () => {
    const victim = join(data, "victim");
    await writeFile(victim, "untouched");
    await mkdir(join(data, name, ".."), { recursive: true });
    await link(victim, join(data, name));
    await publish();
    expect(await readFile(victim, "utf8")).toBe("untouched");
  });
});

test("publishing again replaces equal bytes, and so mends a damaged file", async () => {
  await publish();
  await rm(join(data, name));
  await writeFile(join(data, name), "damaged");
  await publish();
  expect(await blobs.body(sha256).text()).toBe("the bytes");
  expect(await storedFiles(data)).toEqual([name]);
});

test("only what is named like a blob is listed", async () => {
  await publish();
  await writeFile(join(data, "blobs", sha256.slice(0, 2), "README"), "");
  await mkdir(join(data, "blobs", "zz"));
  await mkdir(join(data, "blobs", sha256.slice(0, 2), "f".repeat(64)));
  const found: string[] = [];
  for await (const blob of blobs.list()) found.push(blob.sha256);
  expect(found).toEqual([sha256]);
});

test("parts of an earlier life are removed, and nothing else", async () => {
  await (await blobs.begin("earlier")).close();
  await publish();
  await writeFile(join(data, "uploads", "note"), "");
  const later = await openLocalBlobs({ directory: data });
  const part = await later.begin("of this life");
  await part.close();
  expect(await later.removeParts(new Set())).toBe(1);
  expect((await readdir(join(data, "uploads"))).sort()).toEqual(["note", part.name].sort());
  expect(await blobs.find(sha256)).toBeDefined();
});
