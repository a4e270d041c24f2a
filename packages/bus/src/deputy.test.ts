/**
 * Nobody makes another speak in its name: a real nats-server, every service, every subject they hear, and reply
 * subjects that are no inboxes. And nobody who answers chooses where it speaks by sending itself a request.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFile } from "node:fs/promises";
import {
  announceSubject,
  type CellId,
  callSubject,
  cellSubject,
  headerNames,
  type OperationName,
  type OperationsOf,
  operationNames,
  operationSubject,
  operations,
  ownedBy,
  reportSubject,
  reports,
  serviceActor,
} from "@nano/contract";
import { createUser, encodeUser, fmtCreds, fromSeed } from "@nats-io/jwt";
import { connect, credsAuthenticator, headers, type NatsConnection } from "nats";
import { busPermissions, cellBusPermissions, type IdentityName, identityNames, isForOperators } from "./allow-lists.ts";
import { createCellKey, credentialsOf, openCellMint } from "./identity.ts";
import type { Handlers } from "./index.ts";
import { startTestBus, type TestBus } from "./testing.ts";

setDefaultTimeout(60_000);

const cell = "cell-aaaaaaaaaaaaaaaa" as CellId;
const other = "cell-bbbbbbbbbbbbbbbb" as CellId;
const encoder = new TextEncoder();
type Owner = "scheduler" | "images" | "gateway" | "cell";

let world: TestBus;
/** Handlers that were called. */
const done: string[] = [];
/** Who hears everything: what was published, whoever did. */
let watch: NatsConnection;
const published: { subject: string; data: string }[] = [];
const raw = new Map<string, NatsConnection>();
let messagesInStream: () => Promise<number>;

const recording = <O extends Owner>(owner: O): Handlers<O> => {
  const handlers = ownedBy(owner).map((name) => [
    name,
    (_: unknown, context: { requestId: string }) => {
      done.push(context.requestId === "" ? "" : name);
      return operations[name].example.output;
    },
  ]);
  return Object.fromEntries(handlers) as Handlers<O>;
};

const open = async (name: string, credentials: Uint8Array): Promise<void> => {
  const options = { servers: world.url, authenticator: credsAuthenticator(credentials), inboxPrefix: `_INBOX_${name}` };
  raw.set(name, await connect(options));
};
const as = (name: string): NatsConnection => {
  const connection = raw.get(name);
  if (!connection) throw new Error(`No connection of ${name}`);
  return connection;
};

beforeAll(async () => {
  world = await startTestBus();
  const scheduler = world.bus("scheduler");
  scheduler.keepEventStream();
  scheduler.onReports({ heartbeat() {}, inventory() {}, instance() {}, leaving() {}, statistics() {} });
  scheduler.serve("scheduler", recording("scheduler"));
  const [images, gateway] = [world.bus("images"), world.bus("gateway")];
  images.serve("images", recording("images"));
  gateway.serve("gateway", recording("gateway"));
  gateway.onEvents(() => {});
  for (const id of [cell, other]) {
    const bus = await world.cellBus(id);
    bus.serveCell(id, recording("cell"));
    await bus.ready();
  }
  await Promise.all([scheduler.ready(), images.ready(), gateway.ready()]);
  for (const name of identityNames) await open(name, await world.credentials(name));
  const mint = await openCellMint(`${world.directory}/nats`);
  const { seed, publicKey } = createCellKey();
  await open("cell", credentialsOf(await mint.mint(cell, publicKey), seed));

  const signing = fromSeed(encoder.encode((await readFile(world.identities.signingSeed, "utf8")).trim()));
  const pair = createUser();
  const everything = {
    subs: -1,
    data: -1,
    payload: -1,
    sub: { allow: [">"] },
    issuer_account: world.identities.account,
  };
  const jwt = await encodeUser("watch", pair, signing, everything, { scopedUser: false });
  watch = await connect({ servers: world.url, authenticator: credsAuthenticator(fmtCreds(jwt, pair)) });
  watch.subscribe(">", {
    callback: (_, { subject, data }) => void published.push({ subject, data: new TextDecoder().decode(data) }),
  });
  await watch.flush();
  const manager = await as("scheduler").jetstreamManager({ checkAPI: false });
  messagesInStream = async () => (await manager.streams.info("NANO_EVENTS")).state.messages;
  for (let n = 0; n < 5; n++)
    await scheduler.emit({ name: "pool.created", id: `p${n}`, at: "2026-11-23T09:20:00.000Z", data: {} }, `event-${n}`);
});
afterAll(async () => {
  for (const connection of [...raw.values(), watch]) await connection.close();
  await world.stop();
});

/** Until all that was published has arrived everywhere, and what came of it, too. */
const settled = async (): Promise<void> => {
  for (let round = 0; round < 3; round++) {
    for (const connection of raw.values()) await connection.flush().catch(() => {});
    await watch.flush();
    await Bun.sleep(50);
  }
};

const targets = [
  "$JS.API.STREAM.PURGE.NANO_EVENTS",
  "$JS.API.STREAM.DELETE.NANO_EVENTS",
  cellSubject(other, "cell.instance.stop"),
  "nano.v1.pool.delete",
  callSubject("web", "pool.delete"),
  reportSubject(other, "leaving"),
  "nano.v1.event.pool.x.created",
  announceSubject("gateway"),
  "nano.v1.feed",
  "_INBOXES.of.nobody",
  "_INBOX_somebody.else",
] as const;

/** Every subject that a service hears, and who may publish there. */
const heard = (): { from: string; subject: string; input: unknown }[] => {
  const all: { from: string; subject: string; input: unknown }[] = [];
  for (const name of operationNames) {
    const { example, owner } = operations[name];
    const { input } = example;
    if (isOnCell(name)) {
      const from = name.startsWith("cell.console.") ? "gateway" : "scheduler";
      all.push({ from, subject: cellSubject(cell, name), input });
      continue;
    }
    if (!isOfZone(name)) continue;
    if (isForOperators(name)) all.push({ from: "operator", subject: operationSubject(name), input });
    for (const from of ["gateway", "web"] as const)
      if (owner !== from) all.push({ from, subject: callSubject(from, name), input });
  }
  const event = { name: "image.changed", id: "x", at: "2026-11-23T09:20:00.000Z", data: {} };
  all.push({ from: "images", subject: announceSubject("images"), input: { id: "deputy", event } });
  for (const report of Object.keys(reports) as (keyof typeof reports)[])
    all.push({ from: "cell", subject: reportSubject(cell, report), input: {} });
  for (const verb of ["PING", "INFO", "STATS"])
    for (const rest of ["", ".scheduler", ".images", ".gateway", ".cell"])
      all.push({ from: "operator", subject: `$SRV.${verb}${rest}`, input: "" });
  return all;
};

test("a request whose reply subject is no inbox is not done, and nobody answers there", async () => {
  const subjects = heard();
  expect(subjects.length).toBeGreaterThan(200);
  const before = await messagesInStream();
  for (const target of targets) {
    done.length = 0;
    published.length = 0;
    for (const { from, subject, input } of subjects) {
      const told = headers();
      if (from !== "operator") told.append(headerNames.actor, JSON.stringify(serviceActor(from)));
      as(from).publish(subject, encoder.encode(JSON.stringify(input)), { reply: target, headers: told });
    }
    await settled();
    expect([target, done]).toEqual([target, []]);
    // The watcher heard the requests, and nothing where they wanted to be answered.
    expect(published.length).toBeGreaterThanOrEqual(subjects.length);
    const requests = subjects.filter(({ subject }) => subject === target).length;
    expect([target, published.filter(({ subject }) => subject === target).length]).toEqual([target, requests]);
  }
  expect(await messagesInStream()).toBe(before);
});

test("the same requests with an inbox are done", async () => {
  done.length = 0;
  for (const { from, subject, input } of heard()) {
    if (from !== "operator" || subject.startsWith("$SRV")) continue;
    as(from).publish(subject, encoder.encode(JSON.stringify(input)), { reply: "_INBOX.abc.1" });
  }
  await settled();
  expect(done.length).toBe(operationNames.filter((name) => isOfZone(name) && isForOperators(name)).length);
});

test("another's inbox is no inbox of the sender's", async () => {
  done.length = 0;
  published.length = 0;
  const told = headers();
  told.append(headerNames.actor, JSON.stringify(serviceActor("web")));
  as("web").publish(callSubject("web", "pool.list"), encoder.encode("{}"), {
    reply: "_INBOX_gateway.a",
    headers: told,
  });
  as("operator").publish("nano.v1.pool.list", encoder.encode("{}"), { reply: "_INBOX_scheduler.a" });
  await settled();
  expect(done).toEqual([]);
  expect(published.map(({ subject }) => subject).sort()).toEqual([
    callSubject("web", "pool.list"),
    "nano.v1.pool.list",
  ]);
});

const fill = (pattern: string): string => pattern.replaceAll("*", "x").replace(">", "x.y");

test.each([...identityNames, "cell"])("%s cannot choose where it speaks by sending to itself", async (name) => {
  const { publish, subscribe } = name === "cell" ? cellBusPermissions(cell) : busPermissions(name as IdentityName);
  const own = as(name);
  const violations: string[] = [];
  void (async () => {
    for await (const status of own.status()) violations.push(String(status.data));
  })();
  for (const subject of subscribe) own.subscribe(subject, { callback: () => {} });
  await own.flush();
  const wanted = targets.filter((target) => !target.startsWith("$JS") || name !== "scheduler");
  published.length = 0;
  for (const target of wanted) for (const said of publish) own.publish(fill(said), new Uint8Array(), { reply: target });
  await settled();
  published.length = 0;
  const before = await messagesInStream();
  for (const target of wanted) own.publish(target, encoder.encode("forged"));
  await settled();
  const arrived = new Set(published.filter(({ data }) => data === "forged").map(({ subject }) => subject));
  // What each is for: an operator operates, the scheduler publishes events, the gateway announces its own.
  const right: Readonly<Record<string, readonly string[]>> = {
    operator: ["nano.v1.pool.delete"],
    scheduler: [cellSubject(other, "cell.instance.stop"), "nano.v1.event.pool.x.created"],
    gateway: [announceSubject("gateway")],
    web: [callSubject("web", "pool.delete")],
  };
  expect([...arrived]).toEqual([...(right[name] ?? [])]);
  expect(violations.length).toBeGreaterThan(0);
  expect(await messagesInStream()).toBe(before + (name === "scheduler" ? 1 : 0));
});

function isOnCell(name: OperationName): name is OperationsOf<"cell"> {
  return operations[name].owner === "cell";
}
function isOfZone(name: OperationName): name is Parameters<typeof operationSubject>[0] {
  return operations[name].owner !== "cell";
}
