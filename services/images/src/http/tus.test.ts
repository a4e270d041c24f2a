/** The tus protocol, header by header, and as its own reference client speaks it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { DetailedError, Upload, type UploadOptions } from "tus-js-client";
import { fullQcow2File } from "../testing/files.ts";
import { offsetOf, patch, patchHeaders, tus } from "../testing/tus.ts";
import { codeOf, openWorld, sha256Of, type Ticket, type World, webUrl } from "../testing/world.ts";

let world: World;
let file: Uint8Array;
beforeAll(async () => {
  world = await openWorld({ limits: { maxBytes: 64 * 2 ** 20 } });
  file = await fullQcow2File(4);
});
afterAll(() => world[Symbol.asyncDispose]());
const create = () => world.create("image", { bytes: file.length });

describe("tus-js-client", () => {
  /** Resolves with the upload when it has ended, one way or the other. */
  const send = (options: UploadOptions) =>
    new Promise<Upload>((done, failed) => {
      const upload = new Upload(Buffer.from(file), {
        retryDelays: [10, 10, 10, 10],
        onSuccess: () => done(upload),
        onError: failed,
        ...options,
      });
      upload.start();
    });
  const headersOf = (ticket: Ticket) => ({ authorization: `Bearer ${ticket.ticket}` });
  const expectStored = async (ticket: Ticket) => {
    expect(await world.bus.call("image.get", { id: ticket.id as never })).toMatchObject({
      state: "ready",
      sha256: sha256Of(file),
    });
    await world.bus.call("image.delete", { id: ticket.id as never });
  };

  test.each([
    ["in one piece", {}],
    ["in pieces of 100 kB", { chunkSize: 100_000 }],
    ["by POST alone", { overridePatchMethod: true, chunkSize: 2_000_000 }],
  ])("sends a file %s", async (_how, options) => {
    const ticket = await create();
    await send({ uploadUrl: ticket.url, headers: headersOf(ticket), ...options });
    await expectStored(ticket);
  });

  test("needs no more than an endpoint", async () => {
    const ticket = await world.create("image");
    const upload = await send({ endpoint: ticket.url, headers: headersOf(ticket), chunkSize: 1_000_000 });
    expect(upload.url).toBe(ticket.url);
    await expectStored(ticket);
  });

  test("goes on when the service was restarted in the middle", async () => {
    const ticket = await create();
    const first = new Upload(Buffer.from(file), {
      uploadUrl: ticket.url,
      headers: headersOf(ticket),
      chunkSize: 1_000_000,
    });
    await new Promise<void>((done, failed) => {
      first.options.onError = failed;
      first.options.onChunkComplete = (_size, accepted) => {
        if (accepted >= 2_000_000) first.abort().then(done, failed);
      };
      first.start();
    });
    await world.restart();
    const url = `${world.url}${new URL(ticket.url).pathname}`;
    const sent: number[] = [];
    await send({ uploadUrl: url, headers: headersOf(ticket), onProgress: (bytes) => sent.push(bytes) });
    expect(sent[0]).toBeGreaterThanOrEqual(2_000_000);
    await expectStored({ ...ticket, url });
  });

  test("tells why a file is refused", async () => {
    const ticket = await world.create("image", { bytes: 100_000 });
    const upload = new Upload(Buffer.alloc(100_000), { uploadUrl: ticket.url, headers: headersOf(ticket) });
    const error = await new Promise<Error>((done) => {
      upload.options.onError = done;
      upload.start();
    });
    expect(error).toBeInstanceOf(DetailedError);
    expect(error.message).toContain("image-format-invalid");
    expect((await tus(ticket, "HEAD")).status).toBe(410);
  });
});

describe("OPTIONS", () => {
  test("says what is supported, without a ticket", async () => {
    const { url } = await create();
    const response = await fetch(url, { method: "OPTIONS" });
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "tus-resumable": "1.0.0",
      "tus-version": "1.0.0",
      "tus-extension": "creation,creation-defer-length,expiration,termination,checksum",
      "tus-checksum-algorithm": "sha1,sha256",
      "tus-max-size": String(64 * 2 ** 20),
    });
  });
  test("lets the portal's scripts do all of it, and nobody else's", async () => {
    const { url } = await create();
    const ask = (origin: string) =>
      fetch(url, { method: "OPTIONS", headers: { origin, "access-control-request-method": "PATCH" } });
    const { headers } = await ask(webUrl);
    expect(headers.get("access-control-allow-methods")).toMatch(/HEAD.*PATCH.*DELETE/);
    for (const name of ["tus-resumable", "upload-offset", "upload-length", "authorization", "upload-checksum"])
      expect(headers.get("access-control-allow-headers")?.split(", ")).toContain(name);
    for (const name of ["Upload-Offset", "Upload-Length", "Upload-Expires", "Location", "Tus-Resumable"])
      expect(headers.get("access-control-expose-headers")?.split(", ")).toContain(name);
    expect((await ask("http://evil.test")).headers.get("access-control-allow-methods")).toBeNull();
  });
});

describe("HEAD", () => {
  test("says how much has arrived, of how much, until when it waits, and is not to be cached", async () => {
    const ticket = await create();
    await patch(ticket, 0, file.subarray(0, 70_000));
    const { status, headers } = await tus(ticket, "HEAD");
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      "upload-offset": "70000",
      "upload-length": String(file.length),
      "cache-control": "no-store",
      "tus-resumable": "1.0.0",
    });
    const waits = Date.parse(headers.get("upload-expires") ?? "") - world.clock.now();
    expect(Math.round(waits / 3_600_000)).toBe(24);
  });
  test("before the first byte, without a length", async () => {
    const { headers } = await tus(await world.create("image"), "HEAD");
    expect([headers.get("upload-offset"), headers.get("upload-length")]).toEqual(["0", null]);
    expect(headers.get("upload-defer-length")).toBe("1");
  });
  test.each([
    ["no ticket", { authorization: "" }, 401],
    ["another version", { "tus-resumable": "0.2.2" }, 412],
    ["no version", { "tus-resumable": "" }, 412],
  ])("with %s", async (_what, headers, status) => {
    const ticket = await create();
    const response = await tus(ticket, "HEAD", headers);
    expect([response.status, response.headers.get("upload-offset")]).toEqual([status, null]);
    expect(response.headers.get("tus-resumable")).toBe("1.0.0");
  });
  test("of what is not there, or not the ticket's", async () => {
    const ticket = await create();
    const other = await create();
    expect((await tus({ ...ticket, url: other.url }, "HEAD")).status).toBe(401);
    await world.bus.call("image.delete", { id: ticket.id as never });
    expect((await tus(ticket, "HEAD")).status).toBe(404);
  });
});

describe("PATCH", () => {
  test("takes pieces of any size, and answers with the file stored", async () => {
    const ticket = await create();
    const cuts = [0, 1, 1000, 1_048_577, 1_048_577, 3_000_000, file.length];
    for (const [i, from] of cuts.slice(0, -1).entries()) {
      const response = await patch(ticket, from, file.subarray(from, cuts[i + 1]));
      expect([response.status, response.headers.get("upload-offset")]).toEqual([204, String(cuts[i + 1])]);
    }
    const { headers } = await tus(ticket, "HEAD");
    expect([headers.get("upload-offset"), headers.get("upload-length"), headers.get("upload-expires")]).toEqual([
      String(file.length),
      String(file.length),
      null,
    ]);
    expect(await world.bus.call("image.get", { id: ticket.id as never })).toMatchObject({ sha256: sha256Of(file) });
    const after = await patch(ticket, file.length, new Uint8Array(1));
    expect([after.status, await codeOf(after)]).toEqual([409, "wrong-state"]);
    expect((await tus(ticket, "DELETE")).status).toBe(409);
    await world.bus.call("image.delete", { id: ticket.id as never });
  });

  test("takes the length of the whole with any of the pieces", async () => {
    const ticket = await world.create("image");
    await patch(ticket, 0, file.subarray(0, 1000));
    expect((await tus(ticket, "HEAD")).headers.get("upload-defer-length")).toBe("1");
    await patch(ticket, 1000, file.subarray(1000, 2000), { "upload-length": String(file.length) });
    expect((await tus(ticket, "HEAD")).headers.get("upload-length")).toBe(String(file.length));
    expect((await patch(ticket, 2000, file.subarray(2000))).status).toBe(204);
    expect((await world.state("image", ticket.id)).state).toBe("ready");
    await world.bus.call("image.delete", { id: ticket.id as never });
  });

  test.each<[string, number, string, (ticket: Ticket) => Promise<Response>]>([
    ["before where it is", 409, "upload-offset", (t) => patch(t, 0, file.subarray(0, 10))],
    ["behind where it is", 409, "upload-offset", (t) => patch(t, 1001, file.subarray(1001, 1010))],
    ["another type", 415, "unsupported-media-type", (t) => patch(t, 1000, file, { "content-type": "text/plain" })],
    ["another version", 412, "malformed-request", (t) => patch(t, 1000, file, { "tus-resumable": "2.0.0" })],
    ["another length", 422, "invalid-input", (t) => patch(t, 1000, file.subarray(1000), { "upload-length": "5000" })],
    ["more than the file has", 422, "invalid-input", (t) => patch(t, 1000, file)],
    ["no offset", 400, "malformed-request", (t) => patch(t, 1000, file, { "upload-offset": "" })],
    ["a negative offset", 400, "malformed-request", (t) => patch(t, -1, file)],
    ["an offset that is no number", 400, "malformed-request", (t) => patch(t, 1000, file, { "upload-offset": "1e3" })],
    ["a huge offset", 400, "malformed-request", (t) => patch(t, 1000, file, { "upload-offset": "9".repeat(16) })],
    ["an unknown checksum", 400, "malformed-request", (t) => patch(t, 1000, file, { "upload-checksum": "md5 AAAA" })],
    ["half a checksum", 400, "malformed-request", (t) => patch(t, 1000, file, { "upload-checksum": "sha1 AAAA" })],
  ])("is refused with %s, and costs nothing of what arrived", async (_what, status, code, request) => {
    const ticket = await create();
    await patch(ticket, 0, file.subarray(0, 1000));
    const response = await request(ticket);
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
    expect(await offsetOf(ticket)).toBe(1000);
    expect((await patch(ticket, 1000, file.subarray(1000))).status).toBe(204);
    await world.bus.call("image.delete", { id: ticket.id as never });
  });

  test("in chunks, with more than the file has", async () => {
    const ticket = await create();
    await patch(ticket, 0, file.subarray(0, 1000));
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(file.slice(1000, 1_000_000)),
    });
    const response = await tus(ticket, "PATCH", patchHeaders(1000), endless);
    expect([response.status, await codeOf(response)]).toEqual([422, "invalid-input"]);
    expect(await offsetOf(ticket)).toBe(1000);
  });

  test.each(["sha1", "sha256"])("with a %s of its body keeps it only if that is right", async (algorithm) => {
    const ticket = await create();
    const checksum = (bytes: Uint8Array) => ({
      "upload-checksum": `${algorithm} ${createHash(algorithm).update(bytes).digest("base64")}`,
    });
    const [a, b] = [file.subarray(0, 200_000), file.subarray(200_000)];
    expect((await patch(ticket, 0, a, checksum(a))).status).toBe(204);
    const damaged = await patch(ticket, 200_000, b, checksum(a));
    expect([damaged.status, await codeOf(damaged)]).toEqual([460, "checksum-mismatch"]);
    expect(await offsetOf(ticket)).toBe(200_000);
    expect((await patch(ticket, 200_000, b, checksum(b))).status).toBe(204);
    expect((await world.state("image", ticket.id)).state).toBe("ready");
    await world.bus.call("image.delete", { id: ticket.id as never });
  });
});

describe("DELETE", () => {
  test("leaves nothing but a record that says so, and takes a new upload", async () => {
    const ticket = await create();
    await patch(ticket, 0, file.subarray(0, 1_000_000));
    expect((await tus(ticket, "DELETE")).status).toBe(204);
    expect((await tus(ticket, "HEAD")).status).toBe(410);
    expect((await patch(ticket, 1_000_000, file.subarray(1_000_000))).status).toBe(410);
    expect(await world.state("image", ticket.id)).toEqual({ state: "failed", code: "cancelled", bytes: 0 });
    const again = { ...ticket, ...(await world.bus.call("image.upload", { id: ticket.id as never })) };
    expect(await offsetOf(ticket)).toBeUndefined();
    expect(await offsetOf(again)).toBe(0);
    expect((await patch(again, 0, file)).status).toBe(204);
  });
});

describe("POST", () => {
  test("a length that was not promised, or is too long", async () => {
    const ticket = await create();
    expect((await tus(ticket, "POST", { "upload-length": String(file.length + 1) })).status).toBe(422);
    expect((await tus(ticket, "POST", { "upload-length": String(file.length) })).status).toBe(201);
    const open = await world.create("image");
    expect((await tus(open, "POST", { "upload-length": String(65 * 2 ** 20) })).status).toBe(413);
    expect((await tus(open, "POST", { "upload-length": "0" })).status).toBe(415);
    expect((await tus(open, "POST", { "upload-defer-length": "1" })).status).toBe(201);
    expect((await world.state("image", open.id)).state).toBe("uploading");
  });
});
