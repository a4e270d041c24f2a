/**
 * From a place on the network to the operator of the zone: what a stranger, a cell and the gateway try. A real
 * nats-server, the real scheduler and discovery, and a plain NATS client with the identity each of them has.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket } from "node:dgram";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCellKey, credentialsOf, openCellMint } from "@nano/bus/identity";
import { type Instance, silentLog, systemClock } from "@nano/contract";
import { connect, credsAuthenticator, headers, type NatsConnection } from "nats";
import { fromSeed } from "nkeys.js";
import { cellIdOf } from "../../packages/discovery/src/identity.ts";
import { join as joinZone } from "../../packages/discovery/src/join.ts";
import type { Listener } from "../../packages/discovery/src/listen.ts";
import { ensureJoinSecret } from "../../packages/discovery/src/secret.ts";
import { admitCells } from "../../services/scheduler/src/cells/admission.ts";
import { World } from "../../services/scheduler/src/testing/world.ts";

setDefaultTimeout(60_000);

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const purge = "$JS.API.STREAM.PURGE.NANO_EVENTS";

let world: World;
let victim: Instance;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  world = await World.start({ cells: [{}] });
  victim = await world.created();
});
afterAll(async () => {
  for (const connection of opened) await connection.close();
  await world[Symbol.asyncDispose]();
});

const open = async (credentials: Uint8Array, inboxPrefix: string): Promise<NatsConnection> => {
  const authenticator = credsAuthenticator(credentials);
  const connection = await connect({ servers: world.testBus.url, authenticator, inboxPrefix });
  opened.push(connection);
  return connection;
};

/** What was answered to somebody who publishes there, after doing all it can to be allowed to. */
const speak = async (
  own: NatsConnection,
  inbox: string,
  subject: string,
  options: { through: string; payload?: unknown; actor?: unknown },
): Promise<string> => {
  const { promise: answer, resolve } = Promise.withResolvers<string>();
  const subscription = own.subscribe(`${inbox}.>`, {
    callback: (error, message) => error ?? resolve(decoder.decode(message.data)),
  });
  own.publish(options.through, encoder.encode("x"), { reply: subject });
  await own.flush();
  await Bun.sleep(50);
  const told = headers();
  if (options.actor !== undefined) told.append("Nano-Actor", JSON.stringify(options.actor));
  const payload = options.payload === undefined ? new Uint8Array() : encoder.encode(JSON.stringify(options.payload));
  own.publish(subject, payload, { reply: `${inbox}.${crypto.randomUUID()}`, headers: told });
  await own.flush();
  const said = await Promise.race([answer, Bun.sleep(300).then(() => "no answer")]);
  subscription.unsubscribe();
  return said;
};

const eventsKept = async () => (await world.call("event.list", { limit: 500 })).items.length;
const rights = { kind: "operator", id: "operator", name: "operator", permissions: ["*"] };

test("a cell that hears itself speaks for nobody but itself", async () => {
  const mint = await openCellMint(join(world.testBus.directory, "nats"));
  const { seed, publicKey } = createCellKey();
  const me = cellIdOf(publicKey);
  const own = await open(credentialsOf(await mint.mint(me, publicKey), seed), `_INBOX_${me}`);
  for (const ears of [`nano.v1.cell.${me}.report.*`, `nano.v1.report.${me}.*`, `nano.v1.cell.${me}.*.*`, "$SRV.*"])
    own.subscribe(ears, { callback: () => {} });
  const before = await eventsKept();
  for (const mouth of [`nano.v1.cell.${me}.report.heartbeat`, `nano.v1.report.${me}.heartbeat`])
    for (const [subject, payload] of [
      ["nano.v1.pool.create", { name: "owned" }],
      ["nano.v1.cell.list", {}],
      ["nano.v1.instance.delete", { id: victim.id }],
      ["nano.v1.call.gateway.scheduler.instance.delete", { id: victim.id }],
      [`nano.v1.cell.${world.cell.id}.instance.list`, {}],
      [`nano.v1.report.${world.cell.id}.leaving`, { cell: world.cell.id, boot: "x", sequence: 9_999_999 }],
      [purge, undefined],
      ["$JS.API.STREAM.DELETE.NANO_EVENTS", undefined],
    ] as const)
      expect([subject, await speak(own, `_INBOX_${me}`, subject, { through: mouth, payload })]).toEqual([
        subject,
        "no answer",
      ]);
  expect((await world.call("instance.get", { id: victim.id })).state).toBe("stopped");
  expect((await world.call("pool.list", {})).items.map(({ name }) => String(name))).toEqual(["default"]);
  expect((await world.call("cell.get", { id: world.cell.id })).online).toBe(true);
  expect(await eventsKept()).toBeGreaterThanOrEqual(before);
});

test("the gateway reaches neither cells nor the stream through its own subjects, nor by an event's acknowledgement", async () => {
  const own = await open(await world.testBus.credentials("gateway"), "_INBOX_gateway");
  for (const ears of ["nano.v1.token.list", "nano.v1.call.*.gateway.token.list", "nano.v1.feed", "$SRV.*"])
    own.subscribe(ears, { callback: () => {} });
  const before = await eventsKept();
  const mouths = [
    "nano.v1.token.list",
    "nano.v1.call.gateway.gateway.token.list",
    "nano.v1.event.user.x.created",
    "$SRV.PING",
  ];
  for (const through of mouths)
    for (const subject of [`nano.v1.cell.${world.cell.id}.instance.list`, purge, "nano.v1.pool.list"])
      expect([subject, await speak(own, "_INBOX_gateway.z", subject, { through, payload: {} })]).toEqual([
        subject,
        "no answer",
      ]);
  expect(await eventsKept()).toBeGreaterThanOrEqual(before);
});

test("an operator is only who asks on the operation's own subject", async () => {
  const own = await open(await world.testBus.credentials("web"), "_INBOX_web");
  const ask = async (actor?: unknown) => {
    const told = headers();
    if (actor !== undefined) told.append("Nano-Actor", JSON.stringify(actor));
    const reply = await own.request("nano.v1.call.web.scheduler.pool.list", encoder.encode("{}"), {
      timeout: 2_000,
      headers: told,
    });
    const { error } = reply.json<{ error?: { code: string } }>();
    return error?.code ?? "answered";
  };
  expect(await ask()).toBe("unauthenticated");
  expect(await ask(rights)).toBe("unauthenticated");
  expect(await ask({ ...rights, kind: "service", id: "web", name: "web" })).toBe("answered");
  const operator = await open(await world.testBus.credentials("operator"), "_INBOX");
  const reply = await operator.request("nano.v1.instance.get", JSON.stringify({ id: victim.id }), { timeout: 2_000 });
  expect(reply.json<{ id: string }>().id).toBe(victim.id);
});

const freeUdpPort = async (): Promise<number> => {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
};

test("discovery answers who proves the join secret, and members by their key; nobody else", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nano-join-"));
  const at = { domain: "takeover", group: "224.0.0.226", port: await freeUdpPort(), interface: "127.0.0.1" };
  const joinSecret = await ensureJoinSecret(join(directory, "join-secret"));
  const stopping = new AbortController();
  const member = createCellKey();
  const memberId = cellIdOf(member.publicKey);
  const listener: Listener = await admitCells(
    { ...at, joinSecret, busUrls: [world.testBus.url] },
    {
      ...{ log: silentLog, clock: systemClock },
      mint: await openCellMint(join(world.testBus.directory, "nats")),
      isMember: (cell) => cell === memberId,
    },
  );
  const joining = (key: { seed: string }, secret?: string) =>
    joinZone({
      ...at,
      identity: fromSeed(encoder.encode(key.seed)),
      pin: { read: async () => undefined, write: async () => {} },
      describe: () => ({ name: "innocent", addresses: ["127.0.0.1"], versions: { nano: "0.1.0" } }),
      log: silentLog,
      signal: stopping.signal,
      ...(secret === undefined ? {} : { joinSecret: secret }),
    });
  try {
    const strangers = [joining(createCellKey()), joining(createCellKey(), "guessed")];
    for (const stranger of strangers) stranger.catch(() => {});
    // Each has announced itself before those who are answered begin.
    while (listener.counters.forged < 2) await Bun.sleep(10);
    for (const joined of [await joining(member), await joining(createCellKey(), joinSecret)])
      expect(joined.busUrls).toEqual([world.testBus.url]);
    expect(listener.counters.answered).toBe(2);
    stopping.abort(new Error("the test is over"));
    for (const stranger of strangers) await expect(stranger).rejects.toThrow("the test is over");
  } finally {
    stopping.abort(new Error("the test is over"));
    await listener.stop();
    await rm(directory, { recursive: true, force: true });
  }
});
