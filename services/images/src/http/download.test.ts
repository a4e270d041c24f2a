/** Downloads as people make them: by curl, resumed, by names of any kind. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DownloadTicket, ImageId } from "@nano/contract";
import { attachment, fileNameOf } from "../records/file-name.ts";
import { fullQcow2File, isoFile } from "../testing/files.ts";
import { codeOf, openWorld, put, refusal, sha256Of, type World } from "../testing/world.ts";
import { ticketMs } from "../tickets.ts";
import { rangesOf } from "./file.ts";

let world: World;
let file: Uint8Array;
let id: ImageId;
let download: DownloadTicket;
beforeAll(async () => {
  world = await openWorld();
  file = new Uint8Array(await fullQcow2File(4));
  const ticket = await world.create("image", { name: 'Déjà vu: "12"/64' });
  await put(ticket, file);
  id = ticket.id as ImageId;
  download = await world.bus.call("image.download", { id });
});
afterAll(() => world[Symbol.asyncDispose]());

const get = (headers: Record<string, string> = {}, method = "GET") =>
  fetch(download.url, { method, headers: { authorization: `Bearer ${download.ticket}`, ...headers } });
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());

test("says where, for how long, what it is called and what it will be", () => {
  expect(download).toMatchObject({
    url: `${world.url}/download/${id}`,
    fileName: "Déjà vu_ _12__64.qcow2",
    bytes: file.length,
    sha256: sha256Of(file),
  });
  expect(download.url).not.toContain(download.ticket);
});

test.each(["GET", "HEAD"])(
  "%s: an attachment under its name that nothing interprets, with its checksum",
  async (method) => {
    const response = await get({}, method);
    expect(response.status).toBe(200);
    const digest = Buffer.from(sha256Of(file), "hex").toString("base64");
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-length": String(file.length),
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="D_j_ vu_ _12__64.qcow2"; filename*=UTF-8''D%C3%A9j%C3%A0%20vu_%20_12__64.qcow2`,
      "repr-digest": `sha-256=:${digest}:`,
      "accept-ranges": "bytes",
      "cache-control": "private, no-store",
      etag: `"${sha256Of(file)}"`,
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    });
    expect((await bytesOf(response)).length).toBe(method === "GET" ? file.length : 0);
  },
);

test.each([
  ["bytes=0-0", 0, 1],
  ["bytes=5-9", 5, 10],
  ["bytes=100-", 100, undefined],
  ["bytes=-100", -100, undefined],
  ["bytes=0-99999999999", 0, undefined],
])("one range: %s", async (range, from, to) => {
  const response = await get({ range });
  expect(response.status).toBe(206);
  const wanted = file.slice(from, to);
  expect(response.headers.get("content-length")).toBe(String(wanted.length));
  const first = from < 0 ? file.length + from : from;
  expect(response.headers.get("content-range")).toBe(`bytes ${first}-${first + wanted.length - 1}/${file.length}`);
  expect(await bytesOf(response)).toEqual(wanted);
});

test("several ranges come in parts", async () => {
  const response = await get({ range: "bytes=0-3, 10-19,-5" });
  expect(response.status).toBe(206);
  const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(response.headers.get("content-type") ?? "")?.[1];
  const text = Buffer.from(await bytesOf(response)).toString("latin1");
  const parts = text.split(`\r\n--${boundary}`);
  expect(parts.at(-1)).toBe("--\r\n");
  const bodies = parts.slice(1, -1).map((part) => {
    const [head = "", ...rest] = part.split("\r\n\r\n");
    const [, from, to] = /Content-Range: bytes (\d+)-(\d+)\//.exec(head) ?? [];
    return [Number(from), Number(to), rest.join("\r\n\r\n")];
  });
  const latin = (from: number, to: number) => Buffer.from(file.slice(from, to)).toString("latin1");
  const end = file.length;
  expect(bodies).toEqual([
    [0, 3, latin(0, 4)],
    [10, 19, latin(10, 20)],
    [end - 5, end - 1, latin(end - 5, end)],
  ]);
});

test("a range behind the end is not there; one of nothing, or of another unit, is no range", async () => {
  const behind = await get({ range: `bytes=${file.length}-` });
  expect([behind.status, behind.headers.get("content-range")]).toEqual([416, `bytes */${file.length}`]);
  for (const range of ["bytes=9-5", "bytes=", "bytes=a-b", "lines=1-2", "bytes=0-,0-", `bytes=${"0-0,".repeat(50)}1-1`])
    expect([range, (await get({ range })).status]).toEqual([range, 200]);
  expect((await get({ range: "bytes=0-0" }, "HEAD")).status).toBe(200);
});

test("of another file than the one it has a part of, a client gets all", async () => {
  const range = { range: "bytes=5-9" };
  for (const other of ['"other"', "Tue, 24 Nov 2026 12:00:00 GMT", `W/"${sha256Of(file)}"`])
    expect((await bytesOf(await get({ ...range, "if-range": other }))).length).toBe(file.length);
  expect((await get({ ...range, "if-range": `"${sha256Of(file)}"` })).status).toBe(206);
  expect((await get({ "if-none-match": `"${sha256Of(file)}"` })).status).toBe(304);
});

test("ranges add up to what was asked for, whatever is asked", () => {
  expect(rangesOf("bytes=0-", 0)).toEqual([]);
  expect(rangesOf("bytes=-0", 10)).toEqual([]);
  expect(rangesOf("bytes=-20", 10)).toEqual([{ from: 0, to: 10 }]);
  expect(rangesOf("BYTES = 1-2 , 99-", 10)).toEqual([{ from: 1, to: 3 }]);
  expect(rangesOf("bytes=0-5,4-9", 10)).toBeUndefined();
});

test("curl goes on where it broke off, with the same ticket and with a new one", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nano-download-"));
  try {
    const part = join(directory, "part");
    for (const [have, ticket] of [
      [0, download.ticket],
      [1_000_001, download.ticket],
      [file.length - 1, (await world.bus.call("image.download", { id })).ticket],
    ] as const) {
      await writeFile(part, file.slice(0, have));
      const arguments_ = ["curl", "-sS", "--fail", "-C", "-", "-o", part];
      const curl = Bun.spawn([...arguments_, "-H", `Authorization: Bearer ${ticket}`, download.url]);
      expect(await curl.exited).toBe(0);
      expect(sha256Of(await readFile(part))).toBe(sha256Of(file));
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

describe("a ticket", () => {
  const status = async (ticket: string, url = download.url) => {
    const response = await fetch(url, { headers: { authorization: `Bearer ${ticket}` } });
    return [response.status, response.ok ? "" : await codeOf(response)];
  };
  const refused = [401, "ticket-invalid"];

  test("is for downloading this one", async () => {
    const upload = await world.create("image");
    const source = await world.nats.bus("scheduler").call("image.source", { id });
    for (const ticket of [upload.ticket, source.ticket, "", "a.b", download.ticket.slice(0, -3)])
      expect(await status(ticket)).toEqual(refused);
    expect(await status(download.ticket, `${world.url}/download/${upload.id}`)).toEqual(refused);
    expect(await status(download.ticket, source.url)).toEqual(refused);
    expect(await codeOf(await put({ url: upload.url, ticket: download.ticket }, file))).toBe("ticket-invalid");
    expect(await refusal(world.bus.call("image.download", { id: upload.id as ImageId }))).toBe("image-not-ready");
    // Not in the address, where logs and histories would keep it.
    expect((await fetch(`${download.url}?ticket=${download.ticket}`)).status).toBe(401);
  });

  test("ends with its time, and with its record; what was told of it is not logged", async () => {
    const own = await world.create("media", { name: "gone soon" });
    await put(own, new Uint8Array(isoFile()));
    const { url, ticket } = await world.bus.call("media.download", { id: own.id as never });
    world.clock.ahead += ticketMs.download;
    expect(await status(ticket, url)).toEqual(refused);
    const fresh = await world.bus.call("media.download", { id: own.id as never });
    expect(fresh.fileName).toBe("gone soon.iso");
    expect(await status(fresh.ticket, fresh.url)).toEqual([200, ""]);
    await world.bus.call("media.delete", { id: own.id as never });
    expect(await status(fresh.ticket, fresh.url)).toEqual([404, "media-not-found"]);
    for (const line of world.lines) expect(line).not.toContain(fresh.ticket);
  });
});

test.each([
  ["debian-12", "debian-12.qcow2"],
  ["debian.QCOW2", "debian.qcow2"],
  ["../../etc/cron.d/x", "_.._etc_cron.d_x.qcow2"],
  ["..%2f..%2fetc", "%2f..%2fetc.qcow2"],
  ["/etc/passwd", "_etc_passwd.qcow2"],
  ["C:\\boot", "C__boot.qcow2"],
  ["-o x", "o x.qcow2"],
  [".hidden", "hidden.qcow2"],
  ["a\u0000b\r\nSet-Cookie: x", "abSet-Cookie_ x.qcow2"],
  ["ab\u202egnp.exe", "abgnp.exe.qcow2"],
  ["zero\u200bwidth\ufeff", "zerowidth.qcow2"],
  ["con", "_con.qcow2"],
  ["LPT1.x", "_LPT1.x.qcow2"],
  ["...", "file.qcow2"],
  ["磁盘 镜像", "磁盘 镜像.qcow2"],
  ["e\u0301te\u0301", "été.qcow2"],
  ["\ud800", "\ufffd.qcow2"],
  ["x".repeat(5_000), `${"x".repeat(200)}.qcow2`],
  ["镜".repeat(5_000), `${"镜".repeat(66)}.qcow2`],
])("the file of %j is called so", (name, expected) => {
  const fileName = fileNameOf(name, "qcow2");
  expect(fileName).toBe(expected);
  const header = attachment(fileName);
  expect(header).toMatch(/^attachment; filename="[ -~]*"(; filename\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]+)?$/);
  const exact = /filename\*=UTF-8''(.*)$/.exec(header)?.[1];
  if (exact !== undefined) expect(decodeURIComponent(exact)).toBe(fileName);
});
