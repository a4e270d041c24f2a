import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { Consoles as CellConsoles } from "@nano/cell/console/consoles";
import {
  closeProtocolError,
  consoleWindowBytes,
  type InstanceId,
  type Log,
  NanoError,
  operations,
  silentLog,
} from "@nano/contract";
import { echo, startWorld, type World } from "../testing.ts";
import { consoleLimits } from "./consoles.ts";
import { openSocket, type RawSocket } from "./socket.testing.ts";

const { instance } = operations["console.create"].example.input;
const record = operations["instance.get"].example.output;
const { cell } = record;
if (cell === undefined) throw new Error("The example instance is on a cell");
const limits = { ...consoleLimits, perInstance: 4, perPerson: 128, ticketMs: 1_500, dialMs: 4_000 };
const mib = 1024 * 1024;

let world: World;
let session: string;
/** Stands where QEMU's VNC server would be. */
let screen: Server;
let atScreen: (socket: Socket) => void;
let cellConsoles: CellConsoles;
/** How the cell answers `cell.console.open`; the real one, unless a test says otherwise. */
let dial: (id: InstanceId, url: string, ticket: string) => Promise<void>;
let state: typeof record.state;
let gone: boolean;
const lines: string[] = [];
const keep = (message: string, facts?: unknown) => void lines.push(`${message} ${Bun.inspect(facts)}`);
const log: Log = { info: keep, warn: keep, error: keep };

beforeAll(async () => {
  screen = createServer((socket) => atScreen(socket));
  await new Promise<void>((resolve) => screen.listen(0, "127.0.0.1", resolve));
  const address = screen.address();
  const port = typeof address === "object" && address ? address.port : 0;
  cellConsoles = new CellConsoles(
    { display: async () => ({ host: "127.0.0.1", port }), serialPort: () => Promise.reject(new Error("none")) },
    silentLog,
  );
  world = await startWorld({
    log,
    parts: { consoleLimits: limits },
    scheduler: {
      "instance.get": ({ id }) => {
        if (gone) throw new NanoError("instance-not-found", "There is no such instance");
        return { ...record, id, state };
      },
    },
  });
  session = await world.setUp();
  const bus = await world.bus.cellBus(cell);
  bus.serveCell(
    cell,
    echo("cell", {
      "cell.console.access": () => ({ password: "s3cretpw" }),
      "cell.console.open": async ({ id, url, ticket }) => {
        await dial(id, url, ticket);
        return {};
      },
    }),
  );
  await bus.ready();
});
afterAll(async () => {
  await cellConsoles.stop();
  await world[Symbol.asyncDispose]();
  screen.close();
});
beforeEach(() => {
  state = "running";
  gone = false;
  dial = (id, url, ticket) => cellConsoles.open(id, url, ticket);
  atScreen = (socket) => socket.on("error", () => {});
});

const create = (of = instance) => world.json("POST", "/api/v2/consoles", { instance: of });
const ticket = async (of = instance): Promise<string> => String(Object(await (await create(of)).json()).ticket);
const connect = (which: string, headers: Record<string, string> = {}, path = "/console/socket"): Promise<RawSocket> =>
  openSocket(world.gateway.port, path, {
    origin: world.webUrl,
    "sec-websocket-protocol": `binary, ticket.${which}`,
    ...headers,
  });
const soon = async (what: () => boolean) => {
  for (let i = 0; i < 1_000 && !what(); i++) await Bun.sleep(10);
  expect(what()).toBe(true);
};
const sha256 = (data: Uint8Array) => new Bun.CryptoHasher("sha256").update(data).digest("hex");

describe("a ticket", () => {
  test("opens the console once; the answer carries what is needed", async () => {
    const response = await create();
    expect(response.status).toBe(201);
    const body: unknown = await response.json();
    expect(body).toMatchObject({ path: "/console/socket", password: "s3cretpw" });
    const { ticket: once } = Object(body);
    expect(once).toMatch(/^\w{43}$/);
    const first = await connect(once);
    expect([first.status, first.protocol]).toEqual([101, "binary"]);
    const second = await connect(once);
    expect([second.status, second.code]).toEqual([401, "ticket-invalid"]);
    first.end();
  });

  test("expires", async () => {
    const old = await ticket();
    await Bun.sleep(limits.ticketMs + 100);
    expect((await connect(old)).code).toBe("ticket-invalid");
  });

  test("is for one instance", async () => {
    expect((await connect(await ticket(), {}, `/console/socket?instance=${record.decision}`)).code).toBe(
      "ticket-invalid",
    );
    const right = await connect(await ticket(), {}, `/console/socket?instance=${instance}`);
    expect(right.status).toBe(101);
    right.end();
  });

  test("is of no use once the instance is gone, stopped, or its cell lost", async () => {
    const early = await ticket();
    gone = true;
    expect((await connect(early)).code).toBe("instance-not-found");
    gone = false;
    const later = await ticket();
    state = "stopped";
    expect((await connect(later)).code).toBe("wrong-state");
    expect((await create()).status).toBe(409);
    state = "lost";
    expect((await create()).status).toBe(503);
  });

  test("is of no use after logging out", async () => {
    const login = await world.json("POST", "/api/v2/sessions", { name: "admin", password: "correct horse battery" });
    const cookie = (login.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    const mine = await ticket();
    await world.request("/api/v2/session", { method: "DELETE", headers: { cookie, origin: world.webUrl } });
    expect((await connect(mine)).code).toBe("ticket-invalid");
  });

  test("comes from our own pages, or with its owner's bearer token", async () => {
    for (const origin of ["http://evil.test", "null", `${world.webUrl}.evil.test`, "https://portal.test:5850"])
      expect((await connect(await ticket(), { origin })).code).toBe("foreign-origin");
    const noOrigin = async (headers: Record<string, string>) =>
      openSocket(world.gateway.port, "/console/socket", {
        "sec-websocket-protocol": `binary, ticket.${await ticket()}`,
        ...headers,
      });
    expect((await noOrigin({})).code).toBe("foreign-origin");
    const program = await noOrigin({ authorization: `Bearer ${session}` });
    expect(program.status).toBe(101);
    program.end();
  });

  test("is not in an address", async () => {
    const mine = await ticket();
    const wrong = await openSocket(world.gateway.port, `/console/socket?ticket=${mine}`, { origin: world.webUrl });
    expect(wrong.code).toBe("ticket-invalid");
    expect((await world.request("/console/socket")).status).toBe(400);
  });

  test("is never in a log", async () => {
    const mine = await ticket();
    const right = await connect(mine);
    await soon(() => lines.some((line) => line.includes("A console opened")));
    await connect(mine);
    right.end();
    expect(lines.join("\n")).not.toContain(mine);
  });

  test("guessing is slowed down, and locks nobody out", async () => {
    const codes: (string | undefined)[] = [];
    for (let i = 0; i < 40; i++) codes.push((await connect(randomBytes(24).toString("hex"))).code);
    expect(codes).toContain("rate-limited");
    const right = await connect(await ticket());
    expect(right.status).toBe(101);
    right.end();
  });
});

describe("the cell's side", () => {
  test("takes no browser and no ticket but its own", async () => {
    const browserTicket = await ticket();
    expect((await connect(browserTicket, {}, "/console/cell")).code).toBe("foreign-origin");
    const asCell = await openSocket(world.gateway.port, "/console/cell", {
      "sec-websocket-protocol": `binary, ticket.${browserTicket}`,
    });
    expect(["ticket-invalid", "rate-limited"]).toContain(asCell.code ?? "");
  });

  test("that does not dial in time, or cannot, ends the console", async () => {
    dial = async () => {};
    expect(await (await connect(await ticket())).closed).toBe(1013);
    dial = async () => {
      throw new NanoError("no-screen", "It shows no screen");
    };
    expect(await (await connect(await ticket())).closed).toBe(1011);
  });

  test("both sides end together", async () => {
    const ended = Promise.withResolvers<void>();
    const connected = Promise.withResolvers<Socket>();
    atScreen = (socket) => {
      connected.resolve(socket);
      socket.on("close", () => ended.resolve()).on("error", () => {});
    };
    const leaving = await connect(await ticket());
    await connected.promise;
    leaving.end();
    await ended.promise;

    atScreen = (socket) => void socket.end("goodbye");
    const left = await connect(await ticket());
    expect(await left.closed).toBe(1000);
    expect(left.received).toBe("goodbye".length);
  });

  test("one instance has a bounded number of consoles", async () => {
    const open: RawSocket[] = [];
    for (let i = 0; i < limits.perInstance; i++) open.push(await connect(await ticket()));
    expect(open.map(({ status }) => status)).toEqual(open.map(() => 101));
    expect((await connect(await ticket())).code).toBe("overloaded");
    for (const socket of open) socket.end();
    await soon(() => cellConsoles.count === 0);
    const again = await connect(await ticket());
    expect(again.status).toBe(101);
    again.end();
  });
});

describe("the bytes", () => {
  /** Writes them all, as fast as they are taken. */
  const pour = (socket: Socket, data: Uint8Array, done = () => {}) => {
    let sent = 0;
    const more = () => {
      while (sent < data.byteLength) {
        const part = data.subarray(sent, sent + 60_000);
        sent += part.byteLength;
        if (!socket.write(part)) return void socket.once("drain", more);
      }
      done();
    };
    more();
  };

  test("arrive as they were sent, both ways at once", async () => {
    const down = randomBytes(24 * mib);
    const up = randomBytes(2 * mib);
    const arrived = new Bun.CryptoHasher("sha256");
    let count = 0;
    atScreen = (socket) => {
      socket.on("data", (data: Buffer) => {
        count += data.byteLength;
        arrived.update(data);
      });
      socket.on("error", () => {});
      pour(socket, down);
    };
    const browser = await connect(await ticket());
    for (let sent = 0; sent < up.byteLength; sent += 7_001) browser.send(up.subarray(sent, sent + 7_001));
    await soon(() => count === up.byteLength && browser.received === down.byteLength);
    expect(browser.digest()).toBe(sha256(down));
    expect(arrived.digest("hex")).toBe(sha256(up));
    browser.end();
  }, 30_000);

  test("wait for a slow reader: none is lost, and the screen's server is made to wait too", async () => {
    const down = randomBytes(64 * mib);
    let written: () => number = () => 0;
    atScreen = (socket) => {
      socket.on("error", () => {});
      written = () => socket.bytesWritten - socket.writableLength;
      pour(socket, down);
    };
    const browser = await connect(await ticket());
    browser.pause();
    // Until nothing moves any more.
    for (let before = -1; before !== written() || before === 0; await Bun.sleep(300)) before = written();
    // What the sockets of three processes' worth of kernel buffers and our own bounded queues hold; far from all of it.
    expect(written()).toBeLessThan(48 * mib);
    browser.resume();
    await soon(() => browser.received === down.byteLength);
    expect(browser.digest()).toBe(sha256(down));
    browser.end();
  }, 60_000);

  test("arrive whole at a reader that stops and goes, and what was on its way when the screen ended too", async () => {
    const times = 256;
    const block = randomBytes(mib);
    const poured = new Bun.CryptoHasher("sha256");
    for (let i = 0; i < times; i++) poured.update(block);
    atScreen = (socket) => {
      socket.on("error", () => {});
      let left = times;
      const next = (): void => void (left-- > 0 ? pour(socket, block, next) : socket.end());
      next();
    };
    const browser = await connect(await ticket());
    let ended = false;
    const closed = browser.closed.finally(() => {
      ended = true;
    });
    for (let stop = true; !ended; stop = !stop) {
      if (stop) browser.pause();
      else browser.resume();
      await Bun.sleep(20);
    }
    expect(await closed).toBe(1000);
    expect(browser.received).toBe(times * mib);
    expect(browser.digest()).toBe(poured.digest("hex"));
  }, 120_000);

  test("going up wait for a slow screen: none is lost, and the browser is made to wait too", async () => {
    const up = randomBytes(32 * mib);
    const arrived = new Bun.CryptoHasher("sha256");
    const connected = Promise.withResolvers<Socket>();
    atScreen = (socket) => {
      socket.pause().on("error", () => {});
      connected.resolve(socket);
    };
    const browser = await connect(await ticket());
    const slow = await connected.promise;
    for (let sent = 0; sent < up.byteLength; sent += 60_000) browser.send(up.subarray(sent, sent + 60_000));
    // Until nothing moves any more.
    for (let before = -1; before !== browser.unsent; await Bun.sleep(300)) before = browser.unsent;
    expect(browser.unsent).toBeGreaterThan(0);
    let count = 0;
    slow.on("data", (data: Buffer) => {
      count += data.byteLength;
      arrived.update(data);
    });
    slow.resume();
    await soon(() => count === up.byteLength);
    expect(arrived.digest("hex")).toBe(sha256(up));
    browser.end();
  }, 60_000);

  test("that nobody sends cost nothing: a hundred idle consoles", async () => {
    const open = async (): Promise<RawSocket> => connect(await ticket(crypto.randomUUID() as InstanceId));
    const idle: RawSocket[] = [];
    for (let i = 0; i < 10; i++) idle.push(await open());
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 100; i++) idle.push(await open());
    await soon(() => cellConsoles.count === idle.length);
    Bun.gc(true);
    // Gateway, cell, screens and browsers are all in this process.
    expect(process.memoryUsage.rss() - before).toBeLessThan(32 * mib);
    for (const socket of idle) socket.end();
    await soon(() => cellConsoles.count === 0);
  }, 60_000);

  test("of a cell that sends more than it was granted are cut off", async () => {
    const dialled = Promise.withResolvers<RawSocket>();
    dial = async (_, url, own) => {
      const { port, pathname } = new URL(url);
      dialled.resolve(await openSocket(Number(port), pathname, { "sec-websocket-protocol": `binary, ticket.${own}` }));
    };
    const browser = await connect(await ticket());
    const rude = await dialled.promise;
    expect(rude.status).toBe(101);
    browser.pause();
    const chunk = randomBytes(64 * 1024);
    let ended = 0;
    void rude.closed.then((code) => {
      ended = code;
    });
    for (let i = 0; i < 2_000 && ended === 0; i++) {
      rude.send(chunk);
      if (i % 8 === 0) await Bun.sleep(1);
    }
    await soon(() => ended !== 0);
    expect(ended).toBe(closeProtocolError);
    expect(rude.texts[0]).toBe(`credit ${consoleWindowBytes}`);
    browser.resume();
    browser.end();
    rude.end();
  }, 30_000);

  test("are the only thing a browser may say", async () => {
    for (const text of ["pause", "credit 1000", "hello"]) {
      const browser = await connect(await ticket());
      browser.send(text);
      expect(await browser.closed).toBe(1003);
    }
  });
});
