/** When a session or token ends, however it does, so does everything that it opened. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import type { Bus } from "@nano/bus";
import { Consoles as CellConsoles } from "@nano/cell/console/consoles";
import { endedCredential, operations, silentLog } from "@nano/contract";
import { openSocket } from "../console/socket.testing.ts";
import { echo, movableClock, startWorld, type World } from "../testing.ts";

const hour = 3_600_000;
const { instance } = operations["console.create"].example.input;
const record = operations["instance.get"].example.output;
const clock = movableClock();
let world: World;
let screen: Server;
let cellConsoles: CellConsoles;
/** As another process hears it. */
let elsewhere: Bus;
const heard: string[] = [];

beforeAll(async () => {
  screen = createServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => screen.listen(0, "127.0.0.1", resolve));
  const address = screen.address();
  const port = typeof address === "object" && address ? address.port : 0;
  cellConsoles = new CellConsoles(
    { display: async () => ({ host: "127.0.0.1", port }), serialPort: () => Promise.reject(new Error("none")) },
    silentLog,
  );
  world = await startWorld({
    // Long: what ends is not found by a heartbeat.
    parts: { clock, heartbeatMs: 600_000 },
    scheduler: { "instance.get": ({ id }) => ({ ...record, id, state: "running" }) },
  });
  await world.setUp();
  const { cell } = record;
  if (cell === undefined) throw new Error("The example instance is on a cell");
  const bus = await world.bus.cellBus(cell);
  bus.serveCell(
    cell,
    echo("cell", {
      "cell.console.access": () => ({ password: "s3cretpw" }),
      "cell.console.open": async ({ id, url, ticket }) => {
        await cellConsoles.open(id, url, ticket);
        return {};
      },
    }),
  );
  elsewhere = world.bus.bus("web");
  elsewhere.onEvents((event) => {
    const credential = endedCredential(event);
    if (credential !== undefined) heard.push(credential);
  });
  await Promise.all([bus.ready(), elsewhere.ready()]);
});
afterAll(async () => {
  await cellConsoles.stop();
  await world[Symbol.asyncDispose]();
  screen.close();
});

const ask = (method: string, path: string, bearer: string, body?: unknown) =>
  world.json(method, path, body, { bearer });
const newToken = async (input: object = {}) => {
  const made = Object(await (await ask("POST", "/api/v2/tokens", await world.logIn(), { name: "t", ...input })).json());
  return { secret: String(made.secret), id: String(made.token.id) };
};
const ticketOf = async (bearer: string) =>
  String(Object(await (await ask("POST", "/api/v2/consoles", bearer, { instance })).json()).ticket);
const connect = (bearer: string, ticket: string) =>
  openSocket(world.gateway.port, "/console/socket", {
    authorization: `Bearer ${bearer}`,
    "sec-websocket-protocol": `binary, ticket.${ticket}`,
  });
const credentialOf = async (secret: string) => String((await elsewhere.call("session.resolve", { secret })).credential);

/** Everything a secret can open; `end` resolves with how each of it ended. */
const open = async (secret: string) => {
  const socket = await connect(secret, await ticketOf(secret));
  expect(socket.status).toBe(101);
  const stream = await ask("GET", "/api/v2/events", secret);
  expect(stream.status).toBe(200);
  const unused = await ticketOf(secret);
  const credential = await credentialOf(secret);
  expect(await elsewhere.call("session.check", { credential })).toEqual({ valid: true });
  return async () => {
    const code = await socket.closed;
    await stream.text();
    const late = await openSocket(world.gateway.port, "/console/socket", {
      origin: world.webUrl,
      "sec-websocket-protocol": `binary, ticket.${unused}`,
    });
    for (let i = 0; i < 500 && !heard.includes(credential); i++) await Bun.sleep(10);
    expect(heard).toContain(credential);
    expect(heard.filter((one) => one === credential)).toHaveLength(1);
    expect(await elsewhere.call("session.check", { credential })).toEqual({ valid: false });
    return { code, late: late.code };
  };
};
const gone = { code: 1008, late: "ticket-invalid" };

describe("consoles, event streams and tickets end", () => {
  test("when a token is revoked; another token's stay", async () => {
    const token = await newToken();
    const other = await newToken();
    const ended = await open(token.secret);
    const kept = await connect(other.secret, await ticketOf(other.secret));
    const unused = await ticketOf(other.secret);
    await ask("DELETE", `/api/v2/tokens/${token.id}`, await world.logIn());
    expect(await ended()).toEqual(gone);
    expect((await connect(other.secret, unused)).status).toBe(101);
    expect(await Promise.race([kept.closed, Bun.sleep(50).then(() => "open")])).toBe("open");
  });

  test("when the token that made it is revoked", async () => {
    const parent = await newToken();
    const made = Object(await (await ask("POST", "/api/v2/tokens", parent.secret, { name: "child" })).json());
    const ended = await open(String(made.secret));
    await ask("DELETE", `/api/v2/tokens/${parent.id}`, await world.logIn());
    expect(await ended()).toEqual(gone);
  });

  test("when a token expires", async () => {
    const ended = await open((await newToken({ expiresInDays: 1 })).secret);
    clock.advance(24 * hour);
    expect(await ended()).toEqual(gone);
  });

  test("when its person logs out; another session of theirs stays", async () => {
    const session = await world.logIn();
    const other = await world.logIn();
    const ended = await open(session);
    const kept = await connect(other, await ticketOf(other));
    await ask("DELETE", "/api/v2/session", session);
    expect(await ended()).toEqual(gone);
    expect(await Promise.race([kept.closed, Bun.sleep(50).then(() => "open")])).toBe("open");
  });

  test("when a session was idle for too long", async () => {
    const ended = await open(await world.logIn());
    clock.advance(12 * hour);
    expect(await ended()).toEqual(gone);
  });
});
