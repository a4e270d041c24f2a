/** What every store of blobs does, whatever is behind it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sha256 } from "@nano/contract";
import { startS3, type TestStore } from "../testing/s3.ts";
import { sha256Of } from "../testing/world.ts";
import { asStream, type BlobStore } from "./blobs.ts";
import { openLocalBlobs } from "./local.ts";
import { openS3Blobs, readS3Url } from "./s3.ts";
import { asSha256 } from "./sha256.ts";

const random = (bytes: number): Uint8Array<ArrayBuffer> => {
  const all = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(all.subarray(at, at + 65_536));
  return all;
};

let s3: TestStore;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3[Symbol.asyncDispose]());

describe.each(["local", "s3"] as const)("%s", (kind) => {
  let data: string;
  let blobs: BlobStore;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), "nano-images-store-"));
    const local = await openLocalBlobs({ directory: data, reserveBytes: 0 });
    blobs = kind === "local" ? local : openS3Blobs({ ...s3.options, local });
  });
  afterAll(() => rm(data, { recursive: true }));

  const publish = async (bytes: Uint8Array): Promise<Sha256> => {
    const sha256 = asSha256(sha256Of(bytes));
    const part = await blobs.begin("label");
    await part.append(bytes);
    await part.seal();
    await part.publish(sha256);
    await part.discard();
    return sha256;
  };
  const all = async (sha256: Sha256, span?: { from: number; to: number }) =>
    new Uint8Array(await new Response(asStream(blobs.body(sha256, span))).arrayBuffer());

  test("what is published is found, whole and in spans, and gone when it is removed", async () => {
    const bytes = random(20 * 2 ** 20 + 17);
    const sha256 = await publish(bytes);
    expect(await blobs.find(sha256)).toMatchObject({ sha256, bytes: bytes.length });
    expect(sha256Of(await all(sha256))).toBe(sha256);
    expect(await all(sha256, { from: 0, to: 3 })).toEqual(bytes.slice(0, 3));
    expect(await all(sha256, { from: bytes.length - 5, to: bytes.length })).toEqual(bytes.slice(-5));
    expect(await readdir(join(data, "uploads"))).toEqual([]);
    await blobs.remove(sha256);
    expect(await blobs.find(sha256)).toBeUndefined();
    await blobs.remove(sha256);
  });

  test("an equal one replaces it", async () => {
    const bytes = random(1000);
    const sha256 = await publish(bytes);
    expect(await publish(bytes)).toBe(sha256);
    expect(await all(sha256)).toEqual(bytes);
    await blobs.remove(sha256);
  });

  test("all are listed", async () => {
    const made = await Promise.all(Array.from({ length: 12 }, (_, n) => publish(random(n + 1))));
    const listed = await Array.fromAsync(blobs.list());
    expect(listed.map(({ sha256 }) => sha256).sort()).toEqual([...made].sort());
    for (const { sha256, bytes, modifiedAt } of listed) {
      expect(await blobs.find(sha256)).toMatchObject({ bytes });
      expect(Math.abs(Date.now() - modifiedAt)).toBeLessThan(3_600_000);
    }
    for (const sha256 of made) await blobs.remove(sha256);
    expect(await Array.fromAsync(blobs.list())).toEqual([]);
  });

  test("a part waits for the rest, and is seen by nobody", async () => {
    const bytes = random(3_000_000);
    const sha256 = asSha256(sha256Of(bytes));
    const part = await blobs.begin("label");
    await part.append(bytes.subarray(0, 1_000_000));
    expect(await part.sync()).toBe(1_000_000);
    await part.append(bytes.subarray(0, 500));
    await part.close();
    expect(await Array.fromAsync(blobs.list())).toEqual([]);
    const again = await blobs.reopen(part.name, 1_000_000);
    await again?.append(bytes.subarray(1_000_000));
    await again?.seal();
    await again?.publish(sha256);
    await again?.close();
    expect(sha256Of(await all(sha256))).toBe(sha256);
    expect(await blobs.reopen(part.name, 10)).toBeUndefined();
    await blobs.remove(sha256);
  });
});

test("an object store that does not answer is an outage, not a loss", async () => {
  const data = await mkdtemp(join(tmpdir(), "nano-images-store-"));
  const local = await openLocalBlobs({ directory: data, reserveBytes: 0 });
  const blobs = openS3Blobs({ ...s3.options, endpoint: "http://127.0.0.1:1", local });
  const sha256 = asSha256("0".repeat(64));
  await expect(blobs.find(sha256)).rejects.toMatchObject({ code: "unavailable" });
  await expect(Array.fromAsync(blobs.list())).rejects.toMatchObject({ code: "unavailable" });
  const part = await blobs.begin("label");
  await part.append(new Uint8Array(10));
  await expect(part.publish(sha256)).rejects.toMatchObject({ code: "unavailable" });
  await part.discard();
  await rm(data, { recursive: true });
});

test("an address of a store", () => {
  expect(readS3Url("s3://images")).toEqual({ bucket: "images", prefix: "" });
  expect(readS3Url("s3://images/zone/1/?endpoint=https://s3.example:9000&region=eu-1")).toEqual({
    bucket: "images",
    prefix: "zone/1/",
    endpoint: "https://s3.example:9000",
    region: "eu-1",
  });
  for (const wrong of ["", "file:///srv", "s3://", "s3://key:secret@images", "s3://images?endpoint=ftp://x"])
    expect(() => readS3Url(wrong)).toThrow("it");
});
