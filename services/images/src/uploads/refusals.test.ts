/** Everything an upload can be refused for, over real sockets; and that nothing of it stays. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fullQcow2File, isoFile, make, qcow2File } from "../testing/files.ts";
import { type RawClient, rawClient, requestHead } from "../testing/raw.ts";
import { codeOf, openWorld, put, refusal, sha256Of, type Ticket, until, type World } from "../testing/world.ts";

let world: World;
let file: Uint8Array;
beforeAll(async () => {
  world = await openWorld({ limits: { maxBytes: 64 * 2 ** 20 } });
  file = await fullQcow2File(4);
});
afterAll(() => world[Symbol.asyncDispose]());

const head = (ticket: Ticket, headers: Record<string, string | number>) =>
  requestHead("PUT", ticket.url, { authorization: `Bearer ${ticket.ticket}`, ...headers });
/** Sent in chunks, without a Content-Length. */
const inPieces = (bytes: Uint8Array): ReadableStream<Uint8Array> => {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + 100_000));
      at += 100_000;
    },
  });
};
const expectFailed = async (kind: "image" | "media", ticket: Ticket, code: string) => {
  await until(`the ${kind} failed`, async () => (await world.state(kind, ticket.id)).state === "failed");
  expect(await world.state(kind, ticket.id)).toEqual({ state: "failed", code, bytes: 0 });
  expect(await world.files()).toEqual([]);
};

describe("the file itself", () => {
  const backed = () =>
    make("x", ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", "-u", "x", "1G"]);
  const cases: ["image" | "media", string, () => Promise<Uint8Array>, number, string][] = [
    ["image", "a qcow2 with a backing file", backed, 422, "image-unsafe"],
    [
      "image",
      "a qcow2 with an external data file",
      () => make("x", ["qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=y", "x", "1M"]),
      422,
      "image-unsafe",
    ],
    ["image", "an ISO", async () => isoFile(), 415, "image-format-invalid"],
    ["image", "three bytes", async () => new Uint8Array([0x51, 0x46, 0x49]), 415, "image-format-invalid"],
    ["image", "nothing", async () => new Uint8Array(0), 415, "image-format-invalid"],
    ["image", "half of a qcow2", async () => file.subarray(0, file.length / 2), 415, "image-format-invalid"],
    ["image", "a disk of 32 TiB", () => qcow2File("32T", "cluster_size=2M"), 413, "image-too-large"],
    ["image", "more than is allowed", async () => new Uint8Array(65 * 2 ** 20), 413, "image-too-large"],
    ["media", "a qcow2", async () => file, 415, "image-format-invalid"],
    [
      "media",
      "an ISO of 4 GiB in a file of 64 KiB",
      async () => isoFile({ declaredSectors: 2 ** 21 }),
      415,
      "image-format-invalid",
    ],
  ];
  test.each(cases)("%s: %s", async (kind, _what, bytes, status, code) => {
    const ticket = await world.create(kind);
    const response = await put(ticket, await bytes());
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await codeOf(response)).toBe(code);
    await expectFailed(kind, ticket, code);
  });

  test("is refused by its first bytes, while the client still holds the rest back", async () => {
    const ticket = await world.create("image");
    const client = await rawClient(ticket.url);
    await client.write(head(ticket, { "content-length": 50_000_000 }));
    await client.write((await backed()).subarray(0, 1024));
    expect(await client.answer("image-unsafe")).toStartWith("HTTP/1.1 422");
    client.vanish();
    await expectFailed("image", ticket, "image-unsafe");
  });

  test("a failed record takes another file with a new ticket, and the old ticket is worth nothing", async () => {
    const ticket = await world.create("image");
    expect((await put(ticket, new Uint8Array(1000))).status).toBe(415);
    expect(await codeOf(await put(ticket, file))).toBe("ticket-invalid");
    const fresh = await world.bus.call("image.upload", { id: ticket.id as never });
    expect(fresh.url).toBe(ticket.url);
    expect((await world.state("image", ticket.id)).state).toBe("uploading");
    expect(await codeOf(await put(ticket, file))).toBe("ticket-invalid");
    expect((await put(fresh, file)).status).toBe(200);
    expect(await codeOf(await put(fresh, file))).toBe("wrong-state");
    expect(await refusal(world.bus.call("image.upload", { id: ticket.id as never }))).toBe("wrong-state");
    await world.bus.call("image.delete", { id: ticket.id as never });
  });
});

describe("what was promised", () => {
  test("another SHA-256", async () => {
    const ticket = await world.create("image", { sha256: sha256Of(new Uint8Array(1)) });
    const response = await put(ticket, file);
    expect(response.status).toBe(422);
    expect(await codeOf(response)).toBe("checksum-mismatch");
    await expectFailed("image", ticket, "checksum-mismatch");
  });
  test.each([-1, 1])("a Content-Length that differs by %d", async (by) => {
    const ticket = await world.create("image", { bytes: file.length + by });
    expect(await codeOf(await put(ticket, file))).toBe("invalid-input");
    await expectFailed("image", ticket, "invalid-input");
  });
  test("fewer bytes, without Content-Length", async () => {
    const ticket = await world.create("image", { bytes: file.length + 1 });
    expect(await codeOf(await put(ticket, inPieces(file)))).toBe("upload-incomplete");
    await expectFailed("image", ticket, "upload-incomplete");
  });
  test("more bytes, without Content-Length", async () => {
    const ticket = await world.create("image", { bytes: file.length - 1 });
    expect(await codeOf(await put(ticket, inPieces(file)))).toBe("invalid-input");
    await expectFailed("image", ticket, "invalid-input");
  });
  test("a file larger than allowed, before anything is sent", async () => {
    expect(await refusal(world.create("image", { bytes: 65 * 2 ** 20 }))).toBe("image-too-large");
    const ticket = await world.create("image");
    const client = await rawClient(ticket.url);
    await client.write(head(ticket, { "content-length": 2 ** 40 }));
    expect(await client.answer("image-too-large")).toStartWith("HTTP/1.1 413");
    client.vanish();
    await expectFailed("image", ticket, "image-too-large");
  });
  test("chunked and without any promise it is accepted", async () => {
    const ticket = await world.create("image");
    expect((await put(ticket, inPieces(file))).status).toBe(200);
    await world.bus.call("image.delete", { id: ticket.id as never });
  });
});

describe("a client that vanishes", () => {
  const ways: ["Content-Length" | "chunks", number][] = [0, 1, 50, 99, 100].flatMap((percent) => [
    ["Content-Length", percent],
    ["chunks", percent],
  ]);
  test.each(ways)("with %s, after %d %", async (framing, percent) => {
    const ticket = await world.create("image");
    const client = await rawClient(ticket.url);
    const sent = percent === 100 ? file.length - 1 : Math.floor((file.length * percent) / 100);
    await client.write(
      head(ticket, framing === "chunks" ? { "transfer-encoding": "chunked" } : { "content-length": file.length }),
    );
    if (framing === "chunks") await client.write(`${file.length.toString(16)}\r\n`);
    await client.write(file.subarray(0, sent));
    await until("its bytes have arrived", async () => {
      const { state, bytes } = await world.state("image", ticket.id);
      return state === "uploading" && bytes === sent && (sent > 0 || (await world.files()).length > 0);
    });
    client.vanish();
    await expectFailed("image", ticket, "upload-incomplete");
  });

  test("within a form", async () => {
    const ticket = await world.create("image");
    const client = await rawClient(ticket.url);
    const form = `--x\r\nContent-Disposition: form-data; name="ticket"\r\n\r\n${ticket.ticket}\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n`;
    await client.write(
      requestHead("POST", ticket.url, {
        "content-type": "multipart/form-data; boundary=x",
        "content-length": form.length + file.length + 20,
      }),
    );
    await client.write(form);
    await client.write(file.subarray(0, 1_000_000));
    await until("it arrives", async () => (await world.state("image", ticket.id)).bytes > 0);
    client.vanish();
    await expectFailed("image", ticket, "upload-incomplete");
  });
});

describe("bad framing", () => {
  test.each([
    ["two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n"],
    ["a negative length", "Content-Length: -3\r\n"],
    ["a length and chunks", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"],
    ["a length of 2^80", "Content-Length: 1208925819614629174706176\r\n"],
  ])("%s", async (_what, lines) => {
    const ticket = await world.create("image");
    const client = await rawClient(ticket.url);
    const start = head(ticket, {}).slice(0, -2);
    await client.write(`${start}${lines}\r\nabc`);
    expect(await client.answer()).toStartWith("HTTP/1.1 400");
    expect((await world.state("image", ticket.id)).state).toBe("uploading");
    expect(await world.files()).toEqual([]);
  });
});

describe("two at once", () => {
  const beginSlowly = async (ticket: Ticket): Promise<RawClient> => {
    const client = await rawClient(ticket.url);
    await client.write(head(ticket, { "content-length": file.length }));
    await client.write(file.subarray(0, 100_000));
    await until("it arrives", async () => (await world.state("image", ticket.id)).bytes === 100_000);
    return client;
  };

  test("a second upload of the same record is refused and the first goes on", async () => {
    const ticket = await world.create("image");
    const client = await beginSlowly(ticket);
    const second = await put(ticket, file);
    expect([second.status, await codeOf(second)]).toEqual([409, "upload-in-progress"]);
    expect(await refusal(world.bus.call("image.upload", { id: ticket.id as never }))).toBe("upload-in-progress");
    await client.write(file.subarray(100_000));
    expect(await client.answer('"ready"')).toStartWith("HTTP/1.1 200");
    client.vanish();
    await world.bus.call("image.delete", { id: ticket.id as never });
  });

  test("ten at the same moment: one wins", async () => {
    const ticket = await world.create("image");
    const answers = await Promise.all(Array.from({ length: 10 }, () => put(ticket, file)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await world.state("image", ticket.id)).state).toBe("ready");
    await world.bus.call("image.delete", { id: ticket.id as never });
    expect(await world.files()).toEqual([]);
  });

  test("deleting the record ends its upload", async () => {
    const ticket = await world.create("image");
    const client = await beginSlowly(ticket);
    await world.bus.call("image.delete", { id: ticket.id as never });
    expect(await world.files()).toEqual([]);
    expect(await client.answer("cancelled")).toStartWith("HTTP/1.1 409");
    client.vanish();
    expect(await refusal(world.bus.call("image.get", { id: ticket.id as never }))).toBe("image-not-found");
  });

  test("equal content is stored once, and leaves with the last record", async () => {
    const [a, b] = [await world.create("image"), await world.create("image")];
    const [first, second] = await Promise.all([put(a, file), put(b, file)]);
    expect([first?.status, second?.status]).toEqual([200, 200]);
    const stored = [`blobs/${sha256Of(file).slice(0, 2)}/${sha256Of(file)}`];
    expect(await world.files()).toEqual(stored);
    await world.bus.call("image.delete", { id: a.id as never });
    expect(await world.files()).toEqual(stored);
    expect((await world.bus.call("image.source", { id: b.id as never })).sha256 as string).toBe(sha256Of(file));
    await world.bus.call("image.delete", { id: b.id as never });
    expect(await world.files()).toEqual([]);
  });
});

test("what a client calls itself reaches no path, no header and no log", async () => {
  const ticket = await world.create("image", { name: "../../etc/cron.d/x" });
  const response = await put(ticket, file, {
    headers: {
      authorization: `Bearer ${ticket.ticket}`,
      "content-disposition": 'attachment; filename="../../../etc/passwd"',
      "x-file-name": "-o%0d%0aevil: 1",
    },
  });
  expect(response.status).toBe(200);
  expect(await world.files()).toEqual([`blobs/${sha256Of(file).slice(0, 2)}/${sha256Of(file)}`]);
  await world.bus.call("image.delete", { id: ticket.id as never });
  expect(world.lines.join("\n")).not.toContain(ticket.ticket);
});

test("a transfer that stands still is ended", async () => {
  await using own = await openWorld({ limits: { stallSeconds: 1 } });
  const ticket = await own.create("image");
  const client = await rawClient(ticket.url);
  await client.write(head(ticket, { "content-length": file.length }));
  await client.write(file.subarray(0, 100_000));
  await client.answer();
  await until("it failed", async () => (await own.state("image", ticket.id)).code === "upload-incomplete");
  expect(await own.files()).toEqual([]);
});

test("a file that takes long to store and check is not mistaken for a transfer that stands still", async () => {
  await using own = await openWorld({
    limits: { stallSeconds: 1 },
    onStage: (stage) => (stage === "sealed" ? Bun.sleep(3_000) : undefined),
  });
  expect((await put(await own.create("image"), file)).status).toBe(200);
});

test("a fault of the service itself is told as such, and the record takes another upload", async () => {
  await using own = await openWorld({
    onStage(stage) {
      if (stage === "published") throw new Error("the disk of the database is gone");
    },
  });
  const ticket = await own.create("image");
  expect(await codeOf(await put(ticket, file))).toBe("internal");
  await until("it failed", async () => (await own.state("image", ticket.id)).state === "failed");
  const fresh = await own.bus.call("image.upload", { id: ticket.id as never });
  expect(fresh.ticket).not.toBe(ticket.ticket);
});

test("deleting the record while its file is checked leaves nothing", async () => {
  const reached = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  await using own = await openWorld({
    async onStage(stage) {
      if (stage !== "sealed") return;
      reached.resolve();
      await goOn.promise;
    },
  });
  const ticket = await own.create("image");
  const uploading = put(ticket, file);
  await reached.promise;
  expect((await own.state("image", ticket.id)).state).toBe("checking");
  const deleting = own.bus.call("image.delete", { id: ticket.id as never });
  goOn.resolve();
  await deleting;
  // Whichever was first: the upload was cancelled, or its file was stored and deleted.
  expect([200, 409]).toContain((await uploading).status);
  expect(await refusal(own.bus.call("image.get", { id: ticket.id as never }))).toBe("image-not-found");
  expect(await own.files()).toEqual([]);
});
