/** The pipe between a VNC server and the gateway: real sockets on both ends, the bytes counted and hashed. */
import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { IncomingWindow, type InstanceId, silentLog } from "@nano/contract";
import type { Display } from "../hypervisor.ts";
import { until } from "../testing.ts";
import { Consoles } from "./consoles.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const id = crypto.randomUUID() as InstanceId;
const megabyte = 1_000_000;

/** A "VNC server" that hands each connection to the test. */
const startDisplay = async (): Promise<{ display: Display; connection: Promise<Socket> }> => {
  const connection = Promise.withResolvers<Socket>();
  const server: Server = createServer((socket) => {
    // A console that is cut off resets its connection; the test looks at what was closed.
    socket.on("error", () => {});
    connection.resolve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => server.close());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return { display: { host: "127.0.0.1", port: address.port }, connection: connection.promise };
};

interface Gateway {
  readonly url: string;
  readonly socket: Promise<Bun.ServerWebSocket>;
  readonly closed: Promise<number>;
}
/** @param grants by hand when it is "none" */
const startGateway = (message: (data: Buffer) => void, grants: "as it reads" | "none" = "as it reads"): Gateway => {
  const window = new IncomingWindow();
  const grant = (socket: Bun.ServerWebSocket): void => {
    const credit = grants === "none" ? undefined : window.credit(0);
    if (credit !== undefined) socket.sendText(credit);
  };
  const socket = Promise.withResolvers<Bun.ServerWebSocket>();
  const closed = Promise.withResolvers<number>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, upgrading) => {
      upgrading.upgrade(request, { headers: { "sec-websocket-protocol": "binary" }, data: undefined });
    },
    websocket: {
      maxPayloadLength: 64 * megabyte,
      open: (opened) => {
        socket.resolve(opened);
        grant(opened);
      },
      message: (from, data) => {
        if (typeof data === "string") return;
        message(data);
        window.take(data.length);
        grant(from);
      },
      close: (_, code) => closed.resolve(code),
    },
  });
  cleanups.push(() => server.stop(true));
  return { url: `ws://127.0.0.1:${server.port}/`, socket: socket.promise, closed: closed.promise };
};

const consolesFor = (display: () => Display): Consoles => {
  const consoles = new Consoles(
    { display: async () => display(), serialPort: () => Promise.reject(new Error("none")) },
    silentLog,
  );
  cleanups.push(() => consoles.stop());
  return consoles;
};

/** Writes without waiting for nobody; resolves with the hash when all is handed over. */
const pour = async (socket: Socket, bytes: number): Promise<string> => {
  const hash = new Bun.CryptoHasher("sha256");
  for (let sent = 0; sent < bytes; sent += 100_000) {
    const chunk = crypto.getRandomValues(new Uint8Array(50_000));
    hash.update(chunk);
    hash.update(chunk);
    if (!socket.write(Buffer.concat([chunk, chunk])))
      await new Promise<void>((resolve) => socket.once("drain", resolve));
  }
  return hash.digest("hex");
};

describe("a console", () => {
  test("carries every byte down, in order, whatever the speeds", async () => {
    const { display, connection } = await startDisplay();
    const hash = new Bun.CryptoHasher("sha256");
    let received = 0;
    const gateway = startGateway((data) => {
      hash.update(data);
      received += data.length;
    });
    await consolesFor(() => display).open(id, gateway.url, "ticket");
    const sent = await pour(await connection, 64 * megabyte);
    await until(() => received === 64 * megabyte);
    expect(hash.digest("hex")).toBe(sent);
  }, 60_000);

  test("carries every byte up", async () => {
    const { display, connection } = await startDisplay();
    const gateway = startGateway(() => {});
    await consolesFor(() => display).open(id, gateway.url, "ticket");
    const socket = await gateway.socket;
    const vnc = await connection;
    const hash = new Bun.CryptoHasher("sha256");
    let received = 0;
    vnc.on("data", (data) => {
      hash.update(data);
      received += data.length;
    });
    const expected = new Bun.CryptoHasher("sha256");
    for (let i = 0; i < 200; i++) {
      const chunk = crypto.getRandomValues(new Uint8Array(10_000));
      expected.update(chunk);
      socket.sendBinary(chunk);
      if (i % 20 === 19) await until(() => received === (i + 1) * 10_000);
    }
    expect(hash.digest("hex")).toBe(expected.digest("hex"));
  }, 60_000);

  test("sends what was granted and not a byte more, and loses nothing", async () => {
    const { display, connection } = await startDisplay();
    const hash = new Bun.CryptoHasher("sha256");
    let received = 0;
    const gateway = startGateway((data) => {
      hash.update(data);
      received += data.length;
    }, "none");
    await consolesFor(() => display).open(id, gateway.url, "ticket");
    const socket = await gateway.socket;
    const vnc = await connection;
    const sent = pour(vnc, 3 * megabyte);
    /** What the cell had to send it has sent by the time that something went all the way up. */
    const settled = async () => {
      const arrived = new Promise<void>((resolve) => vnc.once("data", () => resolve()));
      socket.sendBinary(new Uint8Array(1));
      await arrived;
    };
    await settled();
    expect(received).toBe(0);
    for (let granted = 0; granted < 3 * megabyte; ) {
      const more = Math.min(123_457, 3 * megabyte - granted);
      granted += more;
      socket.sendText(`credit ${more}`);
      await until(() => received >= granted);
      await settled();
      expect(received).toBe(granted);
    }
    expect(hash.digest("hex")).toBe(await sent);
  }, 60_000);

  test("sends all that the display said before it ended, though it has to wait for the grants", async () => {
    const { display, connection } = await startDisplay();
    let received = 0;
    const gateway = startGateway((data) => {
      received += data.length;
    }, "none");
    await consolesFor(() => display).open(id, gateway.url, "ticket");
    const socket = await gateway.socket;
    (await connection).end(new Uint8Array(megabyte));
    for (let granted = 100_000; granted <= megabyte; granted += 100_000) {
      socket.sendText("credit 100000");
      await until(() => received === granted);
    }
    expect(await gateway.closed).toBe(1000);
    expect(received).toBe(megabyte);
  }, 60_000);

  test("is ended when the gateway says what is no credit", async () => {
    for (const wrong of ["pause", "credit -1", "credit 999999999"]) {
      const { display } = await startDisplay();
      const gateway = startGateway(() => {});
      await consolesFor(() => display).open(id, gateway.url, "ticket");
      (await gateway.socket).sendText(wrong);
      expect(await gateway.closed).toBe(1002);
    }
  }, 60_000);

  test("does not read on while the gateway does not read, whatever it granted and the display has to say", async () => {
    const { display, connection } = await startDisplay();
    // A WebSocket server (RFC 6455, 4.2.2) that shakes hands, grants four megabytes and then reads nothing.
    const server = createServer((socket) => {
      socket.once("data", (request) => {
        const key = /sec-websocket-key: (.*)\r\n/i.exec(request.toString())?.[1] ?? "";
        const accept = new Bun.CryptoHasher("sha1")
          .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest("base64");
        const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
        lines.push("Sec-WebSocket-Protocol: binary", `Sec-WebSocket-Accept: ${accept}`, "", "");
        socket.write(lines.join("\r\n"));
        socket.write(Buffer.from("\x81\x0ecredit 4000000", "latin1"));
        socket.pause();
      });
      cleanups.push(() => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => server.close());
    const address = server.address();
    if (typeof address !== "object" || address === null) throw new Error("no port");
    await consolesFor(() => display).open(id, `ws://127.0.0.1:${address.port}/`, "ticket");
    const vnc = await connection;
    // The kernel's buffers and what was granted: after that its writer has to wait.
    const taken = async (): Promise<number> => {
      const before = vnc.bytesWritten - vnc.writableLength;
      await Bun.sleep(100);
      return vnc.bytesWritten - vnc.writableLength - before;
    };
    for (let sent = 0; sent < 64; sent++) vnc.write(new Uint8Array(megabyte));
    await until(async () => (await taken()) === 0);
    expect(vnc.writableLength).toBeGreaterThan(32 * megabyte);
  }, 60_000);

  test("ends when either side does", async () => {
    for (const end of ["display", "gateway"] as const) {
      const { display, connection } = await startDisplay();
      const gateway = startGateway(() => {});
      const consoles = consolesFor(() => display);
      await consoles.open(id, gateway.url, "ticket");
      const vnc = await connection;
      const gone = new Promise<void>((resolve) => vnc.once("close", () => resolve()));
      vnc.resume();
      expect(consoles.count).toBe(1);
      if (end === "display") vnc.destroy();
      else (await gateway.socket).close();
      await gone;
      await gateway.closed;
      await until(() => consoles.count === 0);
    }
  }, 60_000);

  test("ends when the cell stops, and is said to be going away", async () => {
    const { display } = await startDisplay();
    const gateway = startGateway(() => {});
    const consoles = consolesFor(() => display);
    await consoles.open(id, gateway.url, "ticket");
    await consoles.stop();
    expect(await gateway.closed).toBe(1001);
  });

  test("is not opened to a port that has become another instance's meanwhile", async () => {
    const { display } = await startDisplay();
    const ports = [display, { ...display, port: display.port + 1 }];
    const gateway = startGateway(() => {});
    const consoles = consolesFor(() => ports.shift() ?? display);
    await expect(consoles.open(id, gateway.url, "ticket")).rejects.toMatchObject({ code: "unavailable" });
    expect(consoles.count).toBe(0);
  });

  test("whose gateway sends more than was granted is ended", async () => {
    const { display, connection } = await startDisplay();
    const gateway = startGateway(() => {});
    await consolesFor(() => display).open(id, gateway.url, "ticket");
    (await connection).pause();
    const socket = await gateway.socket;
    for (let i = 0; i < 40; i++) socket.sendBinary(new Uint8Array(megabyte));
    expect(await gateway.closed).toBe(1002);
  }, 60_000);
});
