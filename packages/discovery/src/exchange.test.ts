import { afterEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as pathOf } from "node:path";
import { type Clock, type Log, silentLog } from "@nano/contract";
import { createAccount, createUser, type KeyPair } from "nkeys.js";
import { cellIdOf } from "./identity.ts";
import { type Joined, type JoinOptions, join } from "./join.ts";
import { type Listener, type ListenOptions, listen } from "./listen.ts";
import type { Announcement, Grant } from "./messages.ts";
import { openBody, readPacket, sealPacket } from "./packet.ts";
import { type AccountPin, pinFile } from "./pin.ts";
import type { Rendezvous } from "./socket.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A UDP port nobody uses: the tests of one machine do not hear each other. */
const freePort = async (): Promise<number> => {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
};

const rendezvous = async (domain = "test"): Promise<Rendezvous> => ({
  domain,
  group: "224.0.0.226",
  port: await freePort(),
  interface: "127.0.0.1",
});

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
/** As large as a cell's JWT gets: allow-lists with the cell's id in every subject. */
const jwtFor = (publicKey: string): string => {
  const cell = cellIdOf(publicKey);
  const subjects = ["instance", "volume", "disk", "console"].map((resource) => `nano.v1.cell.${cell}.${resource}.*`);
  return [
    base64url({ typ: "JWT", alg: "ed25519-nkey" }),
    base64url({
      jti: "J".repeat(52),
      iat: 1_795_000_000,
      iss: createAccount().getPublicKey(),
      name: cell,
      sub: publicKey,
      nats: {
        pub: { allow: [`nano.v1.cell.${cell}.report.*`, "_INBOX.>", "$SRV.>"] },
        sub: { allow: [...subjects, `_INBOX.${cell}.>`, "$SRV.PING", "$SRV.INFO", "$SRV.STATS"] },
        resp: { max: 1, ttl: 600_000_000_000 },
        subs: -1,
        data: -1,
        payload: -1,
        issuer_account: createAccount().getPublicKey(),
        type: "user",
        version: 2,
      },
    }),
    randomBytes(64).toString("base64url"),
  ].join(".");
};
const grantFor = (announcement: Announcement): Promise<Grant> =>
  Promise.resolve({
    busUrls: ["nats://10.0.0.1:4222", "nats://10.0.0.2:4222", "nats://10.0.0.3:4222"],
    jwt: jwtFor(announcement.publicKey),
    caFingerprint: "ab".repeat(32),
  });

const startListener = async (
  at: Rendezvous,
  account: KeyPair,
  more: Partial<ListenOptions> = {},
): Promise<{ listener: Listener; heard: Announcement[] }> => {
  const heard: Announcement[] = [];
  const listener = await listen({
    ...at,
    accountSigner: account,
    answer: (announcement) => {
      heard.push(announcement);
      return grantFor(announcement);
    },
    log: silentLog,
    ...more,
  });
  cleanups.push(() => listener.stop());
  return { listener, heard };
};

const pinInMemory = (account?: string): AccountPin & { account?: string } => {
  const pin: AccountPin & { account?: string } = {
    read: async () => pin.account,
    write: async (key) => {
      pin.account = key;
    },
  };
  if (account !== undefined) pin.account = account;
  return pin;
};

const startJoin = (at: Rendezvous, more: Partial<JoinOptions> = {}): { joined: Promise<Joined>; stop: () => void } => {
  const stopping = new AbortController();
  const joined = join({
    ...at,
    identity: createUser(),
    pin: pinInMemory(),
    describe: () => ({ name: "cell-one", addresses: ["127.0.0.1"], versions: { nano: "0.1.0" } }),
    log: silentLog,
    signal: stopping.signal,
    ...more,
  });
  joined.catch(() => {});
  cleanups.push(() => stopping.abort(new Error("the test is over")));
  return { joined, stop: () => stopping.abort(new Error("stopped")) };
};

const recorder = (): { log: Log; until: (text: string) => Promise<void> } => {
  const lines: string[] = [];
  const waiting: { text: string; resolve: () => void }[] = [];
  const add = (line: string): void => {
    lines.push(line);
    for (const each of waiting) if (line.includes(each.text)) each.resolve();
  };
  return {
    log: { info: add, warn: add, error: add },
    until: (text) =>
      lines.some((line) => line.includes(text))
        ? Promise.resolve()
        : new Promise((resolve) => waiting.push({ text, resolve })),
  };
};

/** Someone on the same network who answers every announcement in his own way. */
const startImpostor = async (
  at: Rendezvous,
  forge: (announcement: { cell: string; nonce: string; signer: string; domain: string }) => Buffer,
): Promise<void> => {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  await new Promise<void>((resolve) => socket.bind(at.port, at.group, resolve));
  socket.addMembership(at.group, at.interface);
  cleanups.push(() => socket.close());
  socket.on("message", (bytes, from) => {
    const packet = readPacket("announcement", bytes);
    if (!packet) return;
    const content = openBody(packet);
    if (typeof content !== "object" || content === null || !("cell" in content) || !("nonce" in content)) return;
    const { cell, nonce } = content;
    const facts = { cell: String(cell), nonce: String(nonce), signer: packet.signer, domain: packet.domain };
    socket.send(forge(facts), from.port, from.address);
  });
};

/** Hears announcements as they are on the wire. */
const eavesdrop = async (at: Rendezvous): Promise<{ next: () => Promise<Buffer>; socket: Socket }> => {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  await new Promise<void>((resolve) => socket.bind(at.port, at.group, resolve));
  socket.addMembership(at.group, at.interface);
  cleanups.push(() => socket.close());
  return { socket, next: () => new Promise((resolve) => socket.once("message", (bytes: Buffer) => resolve(bytes))) };
};

const send = async (at: Rendezvous, bytes: Buffer): Promise<void> => {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, at.interface, resolve));
  socket.setMulticastInterface(at.interface);
  await new Promise<void>((resolve) => socket.send(bytes, at.port, at.group, () => resolve()));
  socket.close();
};

/** Waits for a condition that must come true; the test runner's own limit is the only clock. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(5);
};

describe("the exchange", () => {
  test("a cell that is told to stop while it reads its pin stops", async () => {
    const read = Promise.withResolvers<undefined>();
    const pin = { ...pinInMemory(), read: () => read.promise };
    const { joined, stop } = startJoin(await rendezvous(), { pin });
    stop();
    read.resolve(undefined);
    await expect(joined).rejects.toThrow("stopped");
  });

  test("a cell is answered with bus, JWT and account, and pins the account", async () => {
    const at = await rendezvous();
    const account = createAccount();
    const identity = createUser();
    const pin = pinInMemory();
    const { heard } = await startListener(at, account);
    const joined = await startJoin(at, { identity, pin }).joined;
    const [announcement] = heard;
    expect(announcement).toMatchObject({
      domain: "test",
      cell: cellIdOf(identity.getPublicKey()),
      publicKey: identity.getPublicKey(),
      name: "cell-one",
      secretProved: false,
    });
    expect(joined.busUrls).toHaveLength(3);
    expect(joined.jwt.split(".")).toHaveLength(3);
    expect(joined.caFingerprint).toBe("ab".repeat(32));
    expect(joined.account).toBe(account.getPublicKey());
    expect(pin.account).toBe(account.getPublicKey());
  });

  test("the order of start does not matter", async () => {
    const at = await rendezvous();
    const { joined } = startJoin(at);
    await Bun.sleep(50);
    await startListener(at, createAccount());
    expect((await joined).busUrls).not.toBeEmpty();
  });

  test("a restarted scheduler answers as before", async () => {
    const at = await rendezvous();
    const account = createAccount();
    const pin = pinInMemory();
    const identity = createUser();
    const { listener } = await startListener(at, account);
    await startJoin(at, { pin, identity }).joined;
    await listener.stop();
    const again = startJoin(at, { pin, identity });
    await startListener(at, account);
    expect((await again.joined).account).toBe(account.getPublicKey());
  });

  test("two domains on one network do not see each other", async () => {
    const at = await rendezvous("left");
    const there = { ...at, domain: "right" };
    const left = createAccount();
    const right = createAccount();
    const leftZone = await startListener(at, left);
    const rightZone = await startListener(there, right);
    const [one, other] = await Promise.all([startJoin(at).joined, startJoin(there).joined]);
    expect(one.account).toBe(left.getPublicKey());
    expect(other.account).toBe(right.getPublicKey());
    expect(leftZone.heard.map(({ domain }) => domain)).toEqual(["left"]);
    expect(rightZone.heard.map(({ domain }) => domain)).toEqual(["right"]);
  });

  test("fifty cells of one machine join at once", async () => {
    const at = await rendezvous();
    await startListener(at, createAccount());
    const all = await Promise.all(Array.from({ length: 50 }, () => startJoin(at).joined));
    expect(all).toHaveLength(50);
  });

  test("a cell whose interface comes later still joins; until then it can be stopped", async () => {
    const at = await rendezvous();
    const log = recorder();
    const { joined, stop } = startJoin({ ...at, interface: "203.0.113.7" }, { log: log.log });
    await log.until("Cannot announce");
    stop();
    await expect(joined).rejects.toThrow("stopped");
  });
});

describe("answers a cell refuses", () => {
  const refuses = async (
    why: string,
    forge: (facts: { cell: string; nonce: string; signer: string; domain: string }) => Buffer,
    account: KeyPair,
    more: Partial<JoinOptions> = {},
    zone: Partial<ListenOptions> = {},
  ): Promise<void> => {
    const at = await rendezvous();
    const log = recorder();
    await startImpostor(at, forge);
    const { joined } = startJoin(at, { pin: pinInMemory(account.getPublicKey()), log: log.log, ...more });
    await log.until(why);
    // The liar goes on; the zone is heard all the same.
    await startListener(at, account, zone);
    expect((await joined).account).toBe(account.getPublicKey());
  };
  const content = (facts: { cell: string; nonce: string; signer: string }) => ({
    cell: facts.cell,
    nonce: facts.nonce,
    busUrls: ["nats://203.0.113.66:4222"],
    jwt: { header: "{}", payload: JSON.stringify({ sub: facts.signer }), signature: "A".repeat(86) },
  });

  test("signed by another account than the pinned one", async () => {
    const thief = createAccount();
    await refuses(
      "another account signed it",
      (facts) => sealPacket("answer", facts.domain, content(facts), thief, undefined),
      createAccount(),
    );
  });

  test("naming the pinned account, without its signature", async () => {
    const account = createAccount();
    const thief = createAccount();
    const forger = { getPublicKey: () => account.getPublicKey(), sign: (data: Uint8Array) => thief.sign(data) };
    await refuses(
      "its signature is wrong",
      (facts) => sealPacket("answer", facts.domain, content(facts), forger, undefined),
      account,
    );
  });

  test("signed by the account, of another nonce (a recorded answer)", async () => {
    const account = createAccount();
    await refuses(
      "does not answer an open announcement",
      (facts) => sealPacket("answer", facts.domain, content({ ...facts, nonce: "A".repeat(22) }), account, undefined),
      account,
    );
  });

  test("signed by the account, for another domain", async () => {
    const account = createAccount();
    await refuses(
      "of another domain",
      (facts) => sealPacket("answer", "elsewhere", content(facts), account, undefined),
      account,
    );
  });

  test("with a JWT for another key", async () => {
    const account = createAccount();
    const other = createUser().getPublicKey();
    await refuses(
      "its JWT is for another key",
      (facts) => sealPacket("answer", facts.domain, content({ ...facts, signer: other }), account, undefined),
      account,
    );
  });

  test("without proof of the join secret, even at the first join", async () => {
    const account = createAccount();
    const thief = createAccount();
    await refuses(
      "does not prove to know the join secret",
      (facts) => sealPacket("answer", facts.domain, content(facts), thief, undefined),
      account,
      { pin: pinInMemory(), joinSecret: "a long shared secret" },
      { joinSecret: "a long shared secret" },
    );
  });

  test("garbage", async () => {
    await refuses("it is malformed", () => randomBytes(300), createAccount());
  });
});

describe("announcements a zone refuses", () => {
  test("without proof of the join secret nothing is answered; with it the cell joins", async () => {
    const at = await rendezvous();
    const { listener, heard } = await startListener(at, createAccount(), { joinSecret: "a long shared secret" });
    startJoin(at);
    startJoin(at, { joinSecret: "another secret" });
    await until(() => listener.counters.forged >= 2);
    expect(heard).toBeEmpty();
    await startJoin(at, { joinSecret: "a long shared secret" }).joined;
    expect(heard.map(({ secretProved }) => secretProved)).toEqual([true]);
  });

  test("played again, at once or after the window", async () => {
    const at = await rendezvous();
    const ears = await eavesdrop(at);
    const next = ears.next();
    startJoin(at);
    const recorded = await next;
    const shifted: Clock = { now: () => Date.now() + 3_600_000, monotonic: () => performance.now() };
    const now = await startListener(at, createAccount());
    await send(at, recorded);
    await until(() => now.listener.counters.answered >= 1);
    await send(at, recorded);
    await until(() => now.listener.counters.replayed >= 1);
    const later = await startListener(at, createAccount(), { clock: shifted });
    await send(at, recorded);
    await until(() => later.listener.counters.replayed >= 1);
    expect(later.heard).toBeEmpty();
  });

  test("with a changed byte, for another's id, oversized, truncated, or noise", async () => {
    const at = await rendezvous();
    const { listener, heard } = await startListener(at, createAccount());
    const identity = createUser();
    const said = {
      cell: cellIdOf(createUser().getPublicKey()),
      name: "liar",
      addresses: ["10.0.0.9"],
      versions: { nano: "1" },
      nonce: "B".repeat(22),
      at: Date.now(),
    };
    const genuine = sealPacket("announcement", "test", said, identity, undefined);
    await send(at, genuine);
    await until(() => listener.counters.forged === 1);
    const changed = Buffer.from(genuine);
    changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
    await send(at, changed);
    await until(() => listener.counters.forged === 2);
    await send(at, Buffer.concat([genuine, Buffer.alloc(2_000)]));
    await send(at, genuine.subarray(0, 60));
    await send(at, randomBytes(500));
    await send(at, Buffer.alloc(1));
    await until(() => listener.counters.malformed === 4);
    const bomb = { ...said, name: "x".repeat(1_000_000) };
    await send(at, sealPacket("announcement", "test", bomb, identity, undefined));
    await until(() => listener.counters.malformed === 5);
    expect(heard).toBeEmpty();
    await startJoin(at).joined;
  });

  test("more than one sender may send in the long run", async () => {
    const at = await rendezvous();
    const stopped: Clock = { now: () => Date.now(), monotonic: () => 0 };
    const { listener } = await startListener(at, createAccount(), { clock: stopped });
    const junk = sealPacket("announcement", "test", {}, createUser(), undefined);
    for (let i = 0; i < 300; i++) await send(at, junk);
    await until(() => listener.counters.limited > 0);
    expect(listener.counters.malformed).toBeLessThanOrEqual(200);
  });

  test("an answer that fails is logged, and the cell asks again", async () => {
    const at = await rendezvous();
    let calls = 0;
    const { listener } = await startListener(at, createAccount(), {
      answer: (announcement) => (calls++ === 0 ? Promise.reject(new Error("no database")) : grantFor(announcement)),
    });
    await startJoin(at).joined;
    expect(listener.counters).toMatchObject({ failed: 1, answered: 1 });
  });
});

describe("what is kept and sent", () => {
  test("the pin is private, survives, and a damaged one is no fresh start", async () => {
    const directory = await mkdtemp(pathOf(tmpdir(), "nano-pin-"));
    cleanups.push(() => rm(directory, { recursive: true }));
    const path = pathOf(directory, "cell", "account.pub");
    const account = createAccount().getPublicKey();
    expect(await pinFile(path).read()).toBeUndefined();
    await pinFile(path).write(account);
    expect(await pinFile(path).read()).toBe(account);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await Bun.write(path, "something else");
    await expect(pinFile(path).read()).rejects.toThrow("holds no account key");
    expect(await readFile(path, "utf8")).toBe("something else");
  });

  test("a cell id follows from the key", () => {
    const key = createUser().getPublicKey();
    expect(cellIdOf(key)).toMatch(/^cell-[a-z2-7]{16}$/);
    expect(cellIdOf(key)).toBe(cellIdOf(key));
    // By another implementation: base32(sha256(key)) of Python's standard library.
    const known: string = cellIdOf("UA5WHEKLFNSIDPVOKMKYLZIXPBSOEBZDMAYQYQJCPKKKHIQJKSQHXKIK");
    expect(known).toBe("cell-pdnowyft4bvefrn2");
  });
});
