/** The client against peers that are not libvirtd: silent ones, broken ones, hostile ones. */

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "bun";
import { RpcClient } from "./client.ts";
import { LibvirtError } from "./errors.ts";
import { encodeFrame, FrameReader, type Header, type Message } from "./protocol/frame.ts";
import { remoteError } from "./protocol/index.ts";
import { Program } from "./protocol/procedure.ts";
import { unixDialer } from "./transport/socket.ts";
import type { XdrWriter } from "./xdr.ts";

const dir = mkdtempSync(join(tmpdir(), "nano-libvirt-client-"));
const cleanups: (() => void)[] = [];
afterAll(() => {
  for (const cleanup of cleanups) cleanup();
  rmSync(dir, { recursive: true, force: true });
});

interface Peer {
  client: RpcClient;
  /** Messages the client sent, apart from those `answer` saw. */
  received: Message[];
  socket(): Socket;
}

let sockets = 0;
/** A peer that treats each message as `answer` says. */
async function peer(
  answer: (message: Message, socket: Socket) => void,
  options: Parameters<typeof RpcClient.connect>[1] = {},
): Promise<Peer> {
  const path = join(dir, `${sockets++}.sock`);
  const received: Message[] = [];
  let accepted: Socket | undefined;
  const server = Bun.listen({
    unix: path,
    socket: {
      open: (socket) => {
        accepted = socket;
      },
      data: (socket, chunk) => {
        const reader = new FrameReader((message) => {
          received.push(message);
          answer(message, socket);
        });
        reader.push(chunk);
      },
    },
  });
  const client = await RpcClient.connect(unixDialer(path), { keepalive: { interval: 0, count: 0 }, ...options });
  cleanups.push(() => {
    client.close();
    server.stop(true);
  });
  return {
    client,
    received,
    socket: () => {
      if (!accepted) throw new Error("nobody connected");
      return accepted;
    },
  };
}

const reply = (to: Header, body?: (writer: XdrWriter) => void, change: Partial<Header> = {}): Uint8Array =>
  encodeFrame({ ...to, type: 1, ...change }, body);
const hostname = (name: string) => (writer: XdrWriter) => writer.string(name, 100);

async function failure(work: Promise<unknown>): Promise<LibvirtError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof LibvirtError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("calls", () => {
  test("are answered in any order, each by its serial", async () => {
    const waiting: Header[] = [];
    const { client } = await peer(({ header }, socket) => {
      waiting.push(header);
      if (waiting.length < 3) return;
      for (const each of waiting.reverse()) socket.write(reply(each, hostname(`host-${each.serial}`)));
    });
    const answers = await Promise.all([1, 2, 3].map(() => client.call("connectGetHostname", {})));
    expect(answers.map((answer) => answer.hostname)).toEqual(["host-1", "host-2", "host-3"]);
    expect(client.pending).toBe(0);
  });

  test("reject with the daemon's error, by name", async () => {
    const { client } = await peer(({ header }, socket) =>
      socket.write(
        reply(
          header,
          (writer) =>
            remoteError.encode(writer, {
              code: 42,
              domain: 10,
              message: "Domain not found",
              level: 2,
              dom: null,
              str1: null,
              str2: null,
              str3: null,
              int1: 0,
              int2: -1,
              net: null,
            }),
          { status: 1 },
        ),
      ),
    );
    const error = await failure(client.call("domainLookupByName", { name: "x" }));
    expect(error).toMatchObject({
      code: "NO_DOMAIN",
      number: 42,
      domain: "QEMU",
      level: "ERROR",
      operation: "domainLookupByName",
      retryable: false,
    });
    expect(error.message).toBe("domainLookupByName: Domain not found");
    expect(client.open).toBe(true);
  });

  test("have a deadline, after which a late answer does no harm", async () => {
    let late: (() => void) | undefined;
    const { client } = await peer(({ header }, socket) => {
      if (late) socket.write(reply(header, hostname("second")));
      else late = () => socket.write(reply(header, hostname("first")));
    });
    const error = await failure(client.call("connectGetHostname", {}, { timeout: 20 }));
    expect(error).toMatchObject({ code: "TIMEOUT", retryable: true });
    late?.();
    expect(await client.call("connectGetHostname", {})).toEqual({ hostname: "second" });
  });

  test("stop waiting when their signal is aborted", async () => {
    const { client } = await peer(() => {});
    const abort = new AbortController();
    const waiting = failure(client.call("connectGetHostname", {}, { signal: abort.signal }));
    abort.abort();
    expect((await waiting).code).toBe("ABORTED");
    expect((await failure(client.call("connectGetHostname", {}, { signal: abort.signal }))).code).toBe("ABORTED");
    expect(client.pending).toBe(0);
  });

  test("are not made on a connection that was given up while it was made", async () => {
    const abort = new AbortController();
    let closed = 0;
    const dialer = {
      ...unixDialer("nowhere"),
      dial: async () => {
        abort.abort();
        return { write: async () => {}, pause() {}, resume() {}, close: () => void closed++ };
      },
    };
    const error = await failure(RpcClient.connect(dialer, { signal: abort.signal }));
    expect([error.code, closed]).toEqual(["ABORTED", 1]);
  });

  test("that do not fit their declaration are not sent", async () => {
    const { client, received } = await peer(() => {});
    const error = await failure(client.call("domainLookupByUuid", { uuid: "none" }));
    expect(error).toMatchObject({ code: "BAD_ARGUMENT", retryable: false });
    expect(received).toHaveLength(0);
    expect(client.pending).toBe(0);
  });

  test("fail with one retryable reason when the connection breaks", async () => {
    const { client } = await peer((_, socket) => socket.terminate());
    const errors = await Promise.all([1, 2].map(() => failure(client.call("connectGetHostname", {}))));
    for (const error of errors) expect(error).toMatchObject({ code: "CONNECTION_LOST", retryable: true });
    expect((await client.closed).code).toBe("CONNECTION_LOST");
    expect((await failure(client.call("connectGetHostname", {}))).code).toBe("CONNECTION_LOST");
  });
});

describe("a peer that does not speak the protocol is left", () => {
  const answers: Record<string, (header: Header) => Uint8Array> = {
    "a length of 0": () => new Uint8Array(4),
    "a huge length": () => new Uint8Array([0xff, 0xff, 0xff, 0xff]),
    "an unknown program": (header) => reply(header, undefined, { program: 0x1234_5678 }),
    "an unknown type": (header) => reply(header, undefined, { type: 9 }),
    "a truncated answer": (header) => reply(header, (writer) => writer.uint(100)),
    "an answer that is too long": (header) =>
      reply(header, (writer) => {
        writer.string("host", 10);
        writer.uint(1);
      }),
    "a string over its limit": (header) => reply(header, (writer) => writer.uint(0x7fff_ffff)),
    "an unreadable error": (header) => reply(header, (writer) => writer.uint(1), { status: 1 }),
    "text instead of a protocol": () => new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"),
  };
  test.each(Object.entries(answers))("%s", async (_, answer) => {
    const { client } = await peer(({ header }, socket) => socket.write(answer(header)));
    const error = await failure(client.call("connectGetHostname", {}));
    expect(error.code).toBe("PROTOCOL");
    expect((await client.closed).code).toBe("PROTOCOL");
    expect(client.open).toBe(false);
  });

  test("but what merely came late or is not for us is let pass", async () => {
    const { client } = await peer(({ header }, socket) => {
      socket.write(reply(header, hostname("stray"), { serial: 4_000_000_000 }));
      socket.write(reply(header, undefined, { type: 3, serial: 4_000_000_001 }));
      socket.write(encodeFrame({ ...header, type: 2, procedure: 318, serial: 0 }, (writer) => writer.uint(1)));
      socket.write(reply(header, hostname("real")));
    });
    expect(await client.call("connectGetHostname", {})).toEqual({ hostname: "real" });
  });
});

describe("keepalive", () => {
  const ping = encodeFrame({
    program: Program.keepalive.number,
    version: 1,
    procedure: 1,
    type: 2,
    serial: 0,
    status: 0,
  });

  test("a ping is answered by a pong", async () => {
    const pong = Promise.withResolvers<Header>();
    const { socket } = await peer(({ header }) => pong.resolve(header));
    await Bun.sleep(1);
    socket().write(ping);
    expect(await pong.promise).toMatchObject({ program: Program.keepalive.number, procedure: 2, type: 2, serial: 0 });
  });

  test("a peer that is silent for too long is given up", async () => {
    const { client, received } = await peer(() => {}, { keepalive: { interval: 10, count: 3 } });
    const call = failure(client.call("connectGetHostname", {}));
    expect((await call).code).toBe("CONNECTION_LOST");
    expect((await client.closed).message).toContain("no sign of life");
    expect(received.filter(({ header }) => header.program === Program.keepalive.number)).toHaveLength(3);
  });

  test("a peer that answers pings is kept, however long a call takes", async () => {
    let pings = 0;
    const { client } = await peer(
      ({ header }, socket) => {
        if (header.program !== Program.keepalive.number) return;
        socket.write(encodeFrame({ ...header, procedure: 2 }));
        if (++pings === 8) socket.write(reply({ ...header, program: 0x2000_8086, serial: 1 }, hostname("slow")));
      },
      { keepalive: { interval: 30, count: 4 } },
    );
    expect(await client.call("connectGetHostname", {})).toEqual({ hostname: "slow" });
  });
});
