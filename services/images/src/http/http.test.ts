/** The HTTP side as browsers, cells and strangers meet it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fullQcow2File } from "../testing/files.ts";
import { codeOf, openWorld, put, sha256Of, type Ticket, until, type World, webUrl } from "../testing/world.ts";
import { createTickets } from "../tickets.ts";

let world: World;
let file: Uint8Array<ArrayBuffer>;
let ready: Ticket;
let source: { url: string; ticket: string };
beforeAll(async () => {
  world = await openWorld();
  file = new Uint8Array(await fullQcow2File(2));
  ready = await world.create("image", { name: "ready" });
  await put(ready, file);
  source = await world.bus.call("image.source", { id: ready.id as never });
});
afterAll(() => world[Symbol.asyncDispose]());

const bearer = (ticket: string) => ({ authorization: `Bearer ${ticket}` });
const get = (headers: Record<string, string> = {}, method = "GET") =>
  fetch(source.url, { method, headers: { ...bearer(source.ticket), ...headers } });

describe("a stored file", () => {
  test("comes whole, as an attachment that nothing interprets", async () => {
    const response = await get();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-length": String(file.length),
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="${sha256Of(file)}"`,
      "x-content-type-options": "nosniff",
      "cache-control": "private, max-age=31536000, immutable",
      "accept-ranges": "bytes",
      etag: `"${sha256Of(file)}"`,
    });
    expect(sha256Of(new Uint8Array(await response.arrayBuffer()))).toBe(sha256Of(file));
  });
  test("answers HEAD with its size alone", async () => {
    const response = await get({}, "HEAD");
    expect([response.status, response.headers.get("content-length")]).toEqual([200, String(file.length)]);
    expect(response.headers.get("etag")).toBe(`"${sha256Of(file)}"`);
    expect((await response.arrayBuffer()).byteLength).toBe(0);
  });
  test.each([
    ["bytes=0-0", 0, 1],
    ["bytes=5-9", 5, 10],
    ["bytes=1000000-", 1_000_000, undefined],
    ["bytes=-100", -100, undefined],
    ["bytes=0-99999999999", 0, undefined],
  ])("%s", async (range, from, to) => {
    const response = await get({ range });
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(response.status).toBe(206);
    expect(bytes).toEqual(file.slice(from, to));
    expect(response.headers.get("content-range")).toEndWith(`/${file.length}`);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });
  test("a range behind its end is not satisfiable", async () => {
    const response = await get({ range: `bytes=${file.length}-` });
    expect([response.status, response.headers.get("content-range")]).toEqual([416, `bytes */${file.length}`]);
  });
  test("a fetch that broke off is completed by ranges", async () => {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < file.length; at += 700_001) {
      const response = await get({ range: `bytes=${at}-${at + 700_000}`, "if-range": `"${sha256Of(file)}"` });
      pieces.push(new Uint8Array(await response.arrayBuffer()));
    }
    expect(sha256Of(Buffer.concat(pieces))).toBe(sha256Of(file));
  });
  test("what is known already is not sent again", async () => {
    expect((await get({ "if-none-match": `"${sha256Of(file)}"` })).status).toBe(304);
  });
});

describe("a ticket", () => {
  const forged = () => createTickets({ key: new Uint8Array(32), clock: world.clock });
  const id = () => ready.id;
  test.each([
    ["none", () => ({})],
    ["an empty one", () => ({ authorization: "Bearer " })],
    ["another scheme", () => ({ authorization: `Basic ${source.ticket}` })],
    ["nonsense", () => bearer("a.b")],
    ["a long one", () => bearer("a".repeat(5_000))],
    ["one for uploads", () => bearer(ready.ticket)],
    [
      "one that someone else signed",
      () => bearer(forged().forBlob({ kind: "image", id: id(), sha256: sha256Of(file) as never }).ticket),
    ],
    [
      "changed claims",
      () => bearer(`${Buffer.from('{"purpose":"blob"}').toString("base64url")}.${source.ticket.split(".")[1]}`),
    ],
    ["a cut signature", () => bearer(source.ticket.slice(0, -4))],
  ])("%s opens no file", async (_what, headers) => {
    const response = await fetch(source.url, { headers: headers() });
    expect([response.status, await codeOf(response)]).toEqual([401, "ticket-invalid"]);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
  });

  test("for one file opens no other", async () => {
    const other = await fetch(
      source.url.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
      {
        headers: bearer(source.ticket),
      },
    );
    expect(other.status).toBe(401);
  });

  test("for files does not upload, and one record's does not fill another", async () => {
    const [a, b] = [await world.create("image"), await world.create("image")];
    expect(await codeOf(await put({ url: a.url, ticket: source.ticket }, file))).toBe("ticket-invalid");
    expect(await codeOf(await put({ url: a.url, ticket: b.ticket }, file))).toBe("ticket-invalid");
    expect(await codeOf(await put({ url: a.url, ticket: "" }, file))).toBe("ticket-invalid");
    expect((await world.state("image", a.id)).state).toBe("uploading");
    expect((await put(a, file)).status).toBe(200);
  });

  test("expires, for uploads and for files", async () => {
    const late = await world.create("image");
    world.clock.ahead = 3_600_001;
    try {
      expect(await codeOf(await put(late, file))).toBe("ticket-invalid");
      expect(await codeOf(await get())).toBe("ticket-invalid");
    } finally {
      world.clock.ahead = 0;
    }
    expect((await get()).status).toBe(200);
  });

  test("is in no URL and in no log line", () => {
    expect(source.url).not.toContain(source.ticket);
    for (const line of world.lines) expect(line).not.toContain(source.ticket.slice(0, 40));
  });
});

describe("a browser without scripts", () => {
  const post = (ticket: Ticket, form: FormData) =>
    fetch(ticket.url, { method: "POST", body: form, redirect: "manual" });
  const formOf = (fields: Record<string, string | Blob>) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    return form;
  };
  const blob = () => new File([file], '../../etc/"passwd\r\nx: y');

  test("uploads by a form and is sent back to the portal", async () => {
    const ticket = await world.create("image");
    const next = `${webUrl}/images/${ticket.id}`;
    const response = await post(ticket, formOf({ ticket: ticket.ticket, next, file: blob() }));
    expect([response.status, response.headers.get("location")]).toEqual([303, next]);
    expect((await world.state("image", ticket.id)).state).toBe("ready");
  });
  test("is sent back with the reason when the file is refused", async () => {
    const ticket = await world.create("image");
    const form = formOf({ ticket: ticket.ticket, next: "/images", file: new File([new Uint8Array(100_000)], "x") });
    const response = await post(ticket, form);
    expect([response.status, response.headers.get("location")]).toEqual([
      303,
      `${webUrl}/images?error=image-format-invalid`,
    ]);
    expect((await world.state("image", ticket.id)).code).toBe("image-format-invalid");
  });
  test.each([
    "https://evil.test/",
    "//evil.test/x",
    "javascript:alert(1)",
    "http://portal.test:5850@evil.test/",
    "http://portal.test/",
    "\\\\evil.test",
  ])("is not sent to %s", async (next) => {
    const ticket = await world.create("image");
    const response = await post(ticket, formOf({ ticket: ticket.ticket, next, file: blob() }));
    expect([response.status, response.headers.get("location")]).toEqual([200, null]);
  });
  test("without ticket, or with the ticket behind the file, is refused", async () => {
    const ticket = await world.create("image");
    expect(await codeOf(await post(ticket, formOf({ file: blob() })))).toBe("ticket-invalid");
    expect(await codeOf(await post(ticket, formOf({ file: blob(), ticket: ticket.ticket })))).toBe("ticket-invalid");
    expect((await world.state("image", ticket.id)).state).toBe("uploading");
  });
  test("without a file is refused", async () => {
    const ticket = await world.create("image");
    expect(await codeOf(await post(ticket, formOf({ ticket: ticket.ticket })))).toBe("image-format-invalid");
  });
  test.each([
    ["a huge field name", () => formOf({ ["x".repeat(2_000_000)]: "1" })],
    ["a huge field", () => formOf({ ticket: "x".repeat(2_000_000) })],
    ["100,000 fields", () => formOf(Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`f${i}`, "x"])))],
    ["the prototype", () => formOf({ __proto__x: "1", constructor: "2", "__proto__[ticket]": "3" })],
  ])("with %s is refused", async (_what, form) => {
    const ticket = await world.create("image");
    const response = await post(ticket, form());
    expect([400, 401]).toContain(response.status);
    expect((await world.state("image", ticket.id)).state).toBe("uploading");
  });
  test.each([
    ["application/json", "{}", 415],
    ["application/x-www-form-urlencoded", "ticket=x", 415],
    ["multipart/form-data", "--x", 415],
    ["multipart/form-data; boundary=", "--x", 400],
    ["multipart/form-data; boundary=x", "not a form at all", 400],
    [
      "multipart/form-data; boundary=x",
      '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
      401,
    ],
  ])("with %s %p is refused", async (type, body, status) => {
    const ticket = await world.create("image");
    const response = await fetch(ticket.url, { method: "POST", headers: { "content-type": type }, body });
    expect(response.status).toBe(status);
  });
});

describe("a script of", () => {
  const preflight = (origin: string) =>
    fetch(ready.url, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "PUT", "access-control-request-headers": "authorization" },
    });
  test("the portal may upload", async () => {
    const response = await preflight(webUrl);
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe(webUrl);
    expect(response.headers.get("access-control-allow-methods")).toContain("PUT");
    expect(response.headers.get("access-control-allow-headers")).toContain("authorization");
    const refused = await fetch(ready.url, { method: "PUT", headers: { origin: webUrl }, body: "x" });
    expect(refused.headers.get("access-control-allow-origin")).toBe(webUrl);
  });
  test.each(["http://evil.test", "null", "http://portal.test", "https://portal.test:5850"])(
    "%s may not",
    async (origin) => {
      expect((await preflight(origin)).headers.get("access-control-allow-origin")).toBeNull();
    },
  );
});

test.each([
  ["GET", "/", 404],
  ["GET", "/upload/x", 404],
  ["PUT", "/upload/../blob/x", 404],
  ["GET", "/blob/..%2f..%2fimages.db", 404],
  ["GET", "/blob/../../../../etc/passwd", 404],
  ["DELETE", "/blob/abc", 404],
  ["GET", "//blob//x", 404],
  ["GET", "/blob/%00", 400],
  ["GET", "/healthz", 200],
])("%s %s", async (method, path, status) => {
  const response = await fetch(`${world.url}${path}`, { method });
  expect(response.status).toBe(status);
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
});

test("a file that is gone from the disk is not served, and its record says so", async () => {
  const ticket = await world.create("image");
  const own = new Uint8Array(await fullQcow2File(1));
  await put(ticket, own);
  const from = await world.bus.call("image.source", { id: ticket.id as never });
  await Bun.file(`${world.data}/blobs/${from.sha256.slice(0, 2)}/${from.sha256}`).delete();
  expect(await codeOf(await fetch(from.url, { headers: bearer(from.ticket) }))).toBe("image-damaged");
  await expect(world.bus.call("image.source", { id: ticket.id as never })).rejects.toMatchObject({
    code: "image-not-ready",
  });
  await until("the record says so", async () => (await world.state("image", ticket.id)).code === "image-damaged");
  expect((await put(await world.bus.call("image.upload", { id: ticket.id as never }), own)).status).toBe(200);
});

test("a PUT that says it is a part of the file is refused clearly, and the record stays", async () => {
  const ticket = await world.create("image");
  const send = (headers: Record<string, string>) =>
    fetch(ticket.url, { method: "PUT", headers: { ...bearer(ticket.ticket), ...headers }, body: file });
  const refused = await send({ "content-range": `bytes 0-${file.length - 1}/${file.length}` });
  expect([refused.status, ((await refused.json()) as { remedy: string }).remedy]).toEqual([
    400,
    expect.stringContaining("without Content-Range"),
  ]);
  expect((await send({})).status).toBe(200);
});

test("a GET does nothing but get, whatever method it says it means", async () => {
  const ticket = await world.create("image");
  for (const method of ["DELETE", "PATCH", "HEAD"]) {
    const response = await fetch(ticket.url, {
      headers: { ...bearer(ticket.ticket), "tus-resumable": "1.0.0", "x-http-method-override": method },
    });
    expect(response.status).toBe(404);
  }
  expect((await put(ticket, file)).status).toBe(200);
});
