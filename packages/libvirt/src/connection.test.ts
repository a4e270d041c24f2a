/** The connection against a real daemon, with libvirt's built-in `test:///default` driver: no instance is started. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type LabLibvirtd, startLibvirtd } from "@nano/lab";
import { type Connection, type ConnectionState, connect, LibvirtError } from "./index.ts";

setDefaultTimeout(60_000);

let lab: LabLibvirtd;
let connection: Connection;
beforeAll(async () => {
  lab = await startLibvirtd();
  connection = await connect({ socket: lab.socket, uri: "test:///default" });
});
afterAll(async () => {
  connection?.close();
  await lab?.stop();
});

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    return error.code;
  }
}

describe("what libvirt's test driver is known to have", () => {
  test("the machine", async () => {
    expect(await connection.getType()).toBe("TEST");
    expect(await connection.getLibVersion()).toMatch(/^\d+\.\d+\.\d+$/);
    expect(await connection.getUri()).toBe("test:///default");
    expect(await connection.nodeGetInfo()).toEqual({
      model: "i686",
      memory: 3_145_728,
      cpus: 16,
      mhz: 1400,
      nodes: 2,
      sockets: 2,
      cores: 2,
      threads: 2,
    });
    expect(await connection.getCapabilities()).toContain("<capabilities>");
  });

  test("its domain, by list, name and UUID", async () => {
    const [domain] = await connection.listAllDomains();
    expect(domain?.name).toBe("test");
    const uuid = "6695eb01-f6a4-8304-79aa-97f2502e193f";
    expect((await connection.domainByUuid(uuid)).ref).toEqual((await connection.domainByName("test")).ref);
    expect(await domain?.getState()).toMatchObject({ state: "running" });
    expect(await domain?.getInfo()).toMatchObject({ vcpus: 2, maxMemory: 8_388_608, memory: 2_097_152 });
    expect(await domain?.getXMLDesc()).toContain(uuid);
    expect(await domain?.isPersistent()).toBe(true);
  });

  test("its pool, its network", async () => {
    const [pool] = await connection.listAllStoragePools();
    expect(pool?.name).toBe("default-pool");
    expect((await pool?.getInfo())?.state).toBe("running");
    const network = await connection.networkByName("default");
    expect(await network.isActive()).toBe(true);
    expect((await connection.listAllNetworks()).map(({ name }) => name)).toEqual(["default"]);
  });
});

test("errors have libvirt's names", async () => {
  expect(await codeOf(connection.domainByName("nobody"))).toBe("NO_DOMAIN");
  expect(await codeOf(connection.domainByUuid(crypto.randomUUID()))).toBe("NO_DOMAIN");
  expect(await codeOf(connection.poolByName("nowhere"))).toBe("NO_STORAGE_POOL");
  expect(await codeOf(connection.networkByName("nowhere"))).toBe("NO_NETWORK");
  expect(await codeOf(connection.defineDomain("<domain"))).toBe("XML_DETAIL");
  expect(await codeOf(connect({ socket: lab.socket, uri: "vbox:///nothing" }))).toBeDefined();
});

test("thousands of calls at once are all answered", async () => {
  const names = await Promise.all(Array.from({ length: 3000 }, () => connection.domainByName("test")));
  expect(names.every(({ name }) => name === "test")).toBe(true);
});

test("large documents arrive whole", async () => {
  const description = "ä".repeat(600_000);
  const xml = (name: string) =>
    `<domain type='test'><name>${name}</name><description>${description}</description>
      <memory>1024</memory><os><type>hvm</type></os></domain>`;
  const domain = await connection.defineDomain(xml("large"));
  expect(await domain.getXMLDesc()).toContain(description);
  await domain.undefine();
});

test("a socket nobody listens at is refused with a reason", async () => {
  const attempt = connect({ socket: join(lab.dir, "none.sock") });
  expect(await codeOf(attempt)).toBe("CONNECT_FAILED");
});

test("events come in order, and stop when nobody listens", async () => {
  const seen: string[] = [];
  const stop = await connection.onDomainEvent("lifecycle", ({ domain, event, detail }) => {
    if (domain.name === "eventful") seen.push(`${event}/${detail}`);
  });
  const domain = await connection.defineDomain(
    "<domain type='test'><name>eventful</name><memory>1024</memory><os><type>hvm</type></os></domain>",
  );
  await domain.create();
  await domain.suspend();
  await domain.resume();
  await domain.destroy();
  await domain.undefine();
  // Events and answers share one connection: this answer comes after all of them.
  while (seen.length < 6) await connection.getHostname();
  expect(seen).toEqual([
    "defined/added",
    "started/booted",
    "suspended/paused",
    "resumed/unpaused",
    "stopped/destroyed",
    "undefined/removed",
  ]);
  stop();
  const again = await connection.defineDomain(
    "<domain type='test'><name>eventful</name><memory>1024</memory><os><type>hvm</type></os></domain>",
  );
  await again.undefine();
  await connection.getHostname();
  expect(seen).toHaveLength(6);
});

describe("when the daemon goes away", () => {
  test("calls under way fail, new ones fail at once, and everything resumes, events too", async () => {
    await using own = await startLibvirtd();
    await using away = await connect({ socket: own.socket, uri: "test:///default", reconnect: { min: 5, max: 50 } });
    const states: ConnectionState[] = [];
    away.onState((state) => states.push(state));
    const started = Promise.withResolvers<string>();
    await away.onDomainEvent("lifecycle", ({ domain, event }) => {
      if (event === "defined") started.resolve(domain.name);
    });

    const underWay = Array.from({ length: 200 }, () => codeOf(away.getHostname()));
    await own.kill();
    const codes = new Set(await Promise.all(underWay));
    expect([...codes].every((code) => code === undefined || code === "CONNECTION_LOST")).toBe(true);
    while (away.state === "connected") await Bun.sleep(1);
    const rejected = await away.getHostname().catch((error) => error);
    expect(rejected).toMatchObject({ code: "DISCONNECTED", retryable: true, operation: "connectGetHostname" });
    expect(await codeOf(away.ready(1))).toBe("DISCONNECTED");

    await own.start();
    await away.ready();
    expect(states[0]).toBe("disconnected");
    expect(states.at(-1)).toBe("connected");
    await away.defineDomain(
      "<domain type='test'><name>after</name><memory>1024</memory><os><type>hvm</type></os></domain>",
    );
    expect(await started.promise).toBe("after");
  });

  test("it may also be absent at first", async () => {
    await using own = await startLibvirtd();
    await own.kill();
    await using patient = await connect({
      socket: own.socket,
      uri: "test:///default",
      background: true,
      reconnect: { min: 5, max: 20 },
    });
    const heard = Promise.withResolvers<void>();
    await patient.onDomainEvent("lifecycle", () => heard.resolve());
    expect(await codeOf(patient.getHostname())).toBe("DISCONNECTED");
    await own.start();
    await patient.ready();
    const domain = await patient.domainByName("test");
    await domain.suspend();
    await heard.promise;
  });

  test("a daemon that hangs is given up", async () => {
    await using own = await startLibvirtd();
    await using watchful = await connect({
      socket: own.socket,
      uri: "test:///default",
      keepalive: { interval: 150, count: 3 },
      reconnect: { min: 5, max: 20 },
      connectTimeout: 2_000,
      callTimeout: 5_000,
    });
    own.freeze();
    expect(await codeOf(watchful.getHostname({ timeout: 0 }))).toBe("CONNECTION_LOST");
    own.thaw();
    await watchful.ready();
    expect(await watchful.getType()).toBe("TEST");
  });

  test("close is for good", async () => {
    const brief = await connect({ socket: lab.socket, uri: "test:///default" });
    const waiting = codeOf(brief.getHostname());
    brief.close();
    expect(await waiting).toBe("CLOSED");
    expect(await codeOf(brief.getHostname())).toBe("CLOSED");
    expect(await codeOf(brief.ready())).toBe("CLOSED");
    expect(brief.state).toBe("closed");
  });
});
