/** A download over a network that breaks, to a file that is whole or not there. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DownloadTicket, operations } from "@nano/contract";
import { downloadTo } from "./image-download.ts";
import { Problem } from "./problem.ts";

const file = Buffer.alloc(1_000_000, "nano");
const sha256 = new Bun.CryptoHasher("sha256").update(file).digest("hex");
let directory: string;
let target: string;
let tickets = 0;
/** Of the file, an answer gives so much at most. */
let atMost = file.length;
let status = 206;
const asked: (string | null)[] = [];
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    const range = request.headers.get("range");
    asked.push(range);
    if (status !== 206) return new Response("no", { status });
    const from = Number(/bytes=(\d+)-/.exec(range ?? "")?.[1]);
    return new Response(file.subarray(from, from + atMost), { status });
  },
});
const ticket = async (): Promise<DownloadTicket> => {
  tickets++;
  return {
    ...operations["image.download"].example.output,
    url: `http://127.0.0.1:${server.port}/`,
    bytes: file.length as DownloadTicket["bytes"],
    sha256: sha256 as DownloadTicket["sha256"],
  };
};
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nanoctl-download-"));
  target = join(directory, "image.qcow2");
});
beforeEach(async () => {
  for (const name of await readdir(directory)) await rm(join(directory, name));
  [tickets, atMost, status] = [0, file.length, 206];
  asked.length = 0;
});
afterAll(async () => {
  await server.stop(true);
  await rm(directory, { recursive: true });
});
const download = () => downloadTo(target, ticket, () => {}, 0);

test("comes whole, and leaves nothing beside it", async () => {
  await download();
  expect(await Bun.file(target).bytes()).toEqual(new Uint8Array(file));
  expect(await readdir(directory)).toEqual(["image.qcow2"]);
});

test("goes on where it broke off, each time with a ticket of its own, and where an earlier one ended", async () => {
  await writeFile(`${target}.${sha256.slice(0, 16)}.part`, file.subarray(0, 100));
  atMost = 400_000;
  await download();
  expect(asked).toEqual(["bytes=100-", "bytes=400100-", "bytes=800100-"]);
  expect(tickets).toBe(3);
  expect(await Bun.file(target).bytes()).toEqual(new Uint8Array(file));
});

test("of other bytes nothing is kept", async () => {
  await writeFile(`${target}.${sha256.slice(0, 16)}.part`, "wrong");
  await expect(download()).rejects.toThrow(Problem);
  expect(await readdir(directory)).toEqual([]);
  await download();
  expect(await readdir(directory)).toEqual(["image.qcow2"]);
});

test("what does not get on is given up, and what arrived is kept", async () => {
  await writeFile(`${target}.${sha256.slice(0, 16)}.part`, file.subarray(0, 100));
  status = 500;
  await expect(download()).rejects.toThrow("answered 500");
  expect(asked).toHaveLength(5);
  expect(await readdir(directory)).toHaveLength(1);
});
