/**
 * What arrived waits, and who may go on with it: two writers, networks that end, other files, other tickets, and time.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fullQcow2File, make } from "../testing/files.ts";
import { rawClient, requestHead } from "../testing/raw.ts";
import { offsetOf, patch, patchHeaders, tus } from "../testing/tus.ts";
import { codeOf, openWorld, put, refusal, sha256Of, type Ticket, until, type World } from "../testing/world.ts";

let world: World;
let file: Uint8Array<ArrayBuffer>;
const half = 2_000_000;
beforeAll(async () => {
  world = await openWorld({ limits: { reconcileMs: 50 } });
  file = new Uint8Array(await fullQcow2File(4));
});
afterAll(() => world[Symbol.asyncDispose]());

const create = (input = {}) => world.create("image", { bytes: file.length, ...input });
const begun = async (input = {}) => {
  const ticket = await create(input);
  expect((await patch(ticket, 0, file.subarray(0, half))).status).toBe(204);
  return ticket;
};
const goOn = (ticket: { url: string; ticket: string }, from = half) => patch(ticket, from, file.subarray(from));
const expectReady = async ({ id }: { id: string }) => {
  expect(await world.bus.call("image.get", { id: id as never })).toMatchObject({
    state: "ready",
    sha256: sha256Of(file),
    bytes: file.length,
  });
  await world.bus.call("image.delete", { id: id as never });
  expect(await world.files()).toEqual([]);
};
const expectFailed = async ({ id }: { id: string }, code: string) => {
  await until("it failed", async () => (await world.state("image", id)).state === "failed");
  expect(await world.state("image", id)).toEqual({ state: "failed", code, bytes: 0 });
  expect(await world.files()).toEqual([]);
};
/** A request that says how much it will send, and sends so much of it. */
const sending = async (ticket: Ticket, from: number, to: number) => {
  const client = await rawClient(ticket.url);
  await client.write(
    requestHead("PATCH", ticket.url, {
      authorization: `Bearer ${ticket.ticket}`,
      "tus-resumable": "1.0.0",
      ...patchHeaders(from),
      "content-length": file.length - from,
    }),
  );
  await client.write(file.subarray(from, to));
  await until("it arrives", async () => (await world.state("image", ticket.id)).bytes === to);
  return client;
};

test("what arrived before the client vanished is kept, to the byte", async () => {
  const ticket = await create();
  for (const [from, to] of [
    [0, 1],
    [1, 1_234_567],
    [1_234_567, file.length - 1],
  ] as const) {
    const client = await sending(ticket, from, to);
    client.vanish();
    await until("it waits", async () => (await offsetOf(ticket)) === to);
    expect(await world.state("image", ticket.id)).toEqual({ state: "uploading", code: undefined, bytes: to });
  }
  expect((await goOn(ticket, file.length - 1)).status).toBe(204);
  await expectReady(ticket);
});

describe("while one request sends", () => {
  test("another is locked out, whatever it asks", async () => {
    const ticket = await create();
    const busy = async (request: Promise<Response>, status: number) => {
      const response = await request;
      expect([response.status, response.headers.get("upload-offset")]).toEqual([status, null]);
    };
    const client = await sending(ticket, 0, half);
    await busy(tus(ticket, "HEAD"), 423);
    await busy(goOn(ticket), 423);
    await busy(patch(ticket, 0, file), 423);
    await busy(put(ticket, file), 409);
    await client.write(file.subarray(half));
    expect(await client.answer("\r\n\r\n")).toStartWith("HTTP/1.1 204");
    await expectReady(ticket);
  });

  test("it gives way when its client has been silent: the network was cut, and nobody was told", async () => {
    const ticket = await create();
    const client = await sending(ticket, 0, half);
    world.clock.ahead += 5_001;
    expect(await offsetOf(ticket)).toBe(half);
    expect((await goOn(ticket)).status).toBe(204);
    client.vanish();
    await expectReady(ticket);
  });

  test("DELETE ends it at once", async () => {
    const ticket = await create();
    const client = await sending(ticket, 0, half);
    expect((await tus(ticket, "DELETE")).status).toBe(204);
    client.vanish();
    await expectFailed(ticket, "cancelled");
  });

  test("deleting the record ends it, and leaves nothing", async () => {
    const ticket = await create();
    const client = await sending(ticket, 0, half);
    await world.bus.call("image.delete", { id: ticket.id as never });
    expect(await world.files()).toEqual([]);
    expect((await tus(ticket, "HEAD")).status).toBe(404);
    client.vanish();
  });
});

test("deleting the record of one that waits leaves nothing", async () => {
  const ticket = await begun();
  await world.bus.call("image.delete", { id: ticket.id as never });
  expect(await world.files()).toEqual([]);
});

describe("the file", () => {
  test("is refused by its first bytes, while the client still holds the rest back", async () => {
    const ticket = await create();
    const bad = await make("x", [
      "qemu-img",
      "create",
      "-q",
      "-f",
      "qcow2",
      "-b",
      "/etc/passwd",
      "-F",
      "raw",
      "-u",
      "x",
      "1G",
    ]);
    const client = await rawClient(ticket.url);
    await client.write(
      requestHead("PATCH", ticket.url, {
        authorization: `Bearer ${ticket.ticket}`,
        "tus-resumable": "1.0.0",
        ...patchHeaders(0),
        "content-length": file.length,
      }),
    );
    await client.write(bad.subarray(0, 1024));
    expect(await client.answer("image-unsafe")).toStartWith("HTTP/1.1 422");
    client.vanish();
    await expectFailed(ticket, "image-unsafe");
    expect((await tus(ticket, "HEAD")).status).toBe(410);
  });

  test("is refused by its first bytes also when they come one by one", async () => {
    const ticket = await create();
    const bytes = new TextEncoder().encode("This is no disk image at all, whatever it is called".repeat(100));
    let status = 204;
    for (let at = 0; status === 204 && at < bytes.length; at++)
      status = (await patch(ticket, at, bytes.subarray(at, at + 1))).status;
    expect(status).toBe(415);
    await expectFailed(ticket, "image-format-invalid");
  });

  test("with another SHA-256 at the end fails, and nothing of it is kept", async () => {
    const ticket = await begun({ sha256: sha256Of(new Uint8Array(1)) });
    const response = await goOn(ticket);
    expect([response.status, await codeOf(response)]).toEqual([422, "checksum-mismatch"]);
    await expectFailed(ticket, "checksum-mismatch");
  });

  test("of which the second half is another's fails by its SHA-256, also when the service was restarted between", async () => {
    const ticket = await begun({ sha256: sha256Of(file) });
    await world.restart();
    const moved = { ...ticket, url: `${world.url}${new URL(ticket.url).pathname}` };
    const other = new Uint8Array(await fullQcow2File(4));
    expect(await codeOf(await patch(moved, half, other.subarray(half)))).toBe("checksum-mismatch");
    await expectFailed(ticket, "checksum-mismatch");
  });

  test("that was uploaded before is stored once", async () => {
    const [a, b] = [await begun(), await begun()];
    await goOn(a);
    await goOn(b);
    expect((await world.files()).length).toBe(1);
    await world.bus.call("image.delete", { id: a.id as never });
    await expectReady(b);
  });
});

describe("a new ticket", () => {
  test("keeps what arrived, and the old one as good", async () => {
    const ticket = await begun();
    const fresh = await world.bus.call("image.upload", { id: ticket.id as never });
    expect(fresh.url).toBe(ticket.url);
    expect(await offsetOf(fresh)).toBe(half);
    expect((await patch(ticket, half, file.subarray(half, half + 5))).status).toBe(204);
    expect((await goOn(fresh, half + 5)).status).toBe(204);
    await expectReady(ticket);
  });
  test("is given while the upload runs, and disturbs nobody", async () => {
    const ticket = await create();
    const client = await sending(ticket, 0, half);
    await world.bus.call("image.upload", { id: ticket.id as never });
    await client.write(file.subarray(half));
    expect(await client.answer("\r\n\r\n")).toStartWith("HTTP/1.1 204");
    await expectReady(ticket);
  });
  test("for a whole upload begins anew: what arrived is thrown away", async () => {
    const ticket = await begun();
    const fresh = await world.bus.call("image.upload", { id: ticket.id as never });
    expect((await put(fresh, file)).status).toBe(200);
    await expectReady(ticket);
  });
  test("for a whole upload that fails leaves nothing of either", async () => {
    const ticket = await begun();
    expect((await put(ticket, new Uint8Array(file.length))).status).toBe(415);
    await expectFailed(ticket, "image-format-invalid");
  });
  test("a whole upload that was begun cannot be gone on with", async () => {
    const ticket = await create();
    const client = await rawClient(ticket.url);
    await client.write(
      requestHead("PUT", ticket.url, { authorization: `Bearer ${ticket.ticket}`, "content-length": file.length }),
    );
    await client.write(file.subarray(0, half));
    await until("it arrives", async () => (await world.state("image", ticket.id)).bytes === half);
    expect((await goOn(ticket)).status).toBe(423);
    expect((await tus(ticket, "DELETE")).status).toBe(423);
    expect(await refusal(world.bus.call("image.upload", { id: ticket.id as never }))).toBe("upload-in-progress");
    client.vanish();
    await expectFailed(ticket, "upload-incomplete");
  });
});

describe("time", () => {
  test("a ticket stays valid while what arrived waits, counted from the last byte", async () => {
    const ticket = await begun();
    world.clock.ahead += 20 * 3_600_000;
    expect((await patch(ticket, half, file.subarray(half, half + 1))).status).toBe(204);
    world.clock.ahead += 20 * 3_600_000;
    expect((await goOn(ticket, half + 1)).status).toBe(204);
    await expectReady(ticket);
  });
  test("what nobody goes on with is given up after a day, and its bytes are collected", async () => {
    const ticket = await begun();
    world.clock.ahead += 24 * 3_600_000 + 1;
    await expectFailed(ticket, "upload-incomplete");
    expect((await tus(ticket, "HEAD")).status).toBe(401);
  });
  test("a ticket with which nothing was begun expires as ever", async () => {
    const ticket = await create();
    world.clock.ahead += 3_600_001;
    expect(await codeOf(await goOn(ticket, 0))).toBe("ticket-invalid");
    expect((await tus(ticket, "HEAD")).status).toBe(401);
    await expectFailed(ticket, "upload-incomplete");
  });
});
