/**
 * A real nats-server of one's own, with JetStream and the zone's JWT identities, on a free port. For tests and benches.
 * @example
 * await using world = await startTestBus();
 * const bus = world.bus("scheduler");
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type CellId, type Clock, type Log, silentLog, systemClock } from "@nano/contract";
import { connect, credsAuthenticator, type NatsConnection } from "nats";
import { type IdentityName, identityNames } from "./allow-lists.ts";
import { connectBus } from "./bus.ts";
import {
  createCellKey,
  credentialsOf,
  ensureIdentities,
  type Identities,
  identitiesIn,
  openCellMint,
} from "./identity.ts";
import type { Bus } from "./types.ts";

const configuration = resolve(import.meta.dir, "../../../infra/nats.conf");

export interface TestBus extends AsyncDisposable {
  readonly url: string;
  readonly directory: string;
  readonly identities: Identities;
  /** A connection with one of the zone's identities; closed with the world. */
  bus(name: IdentityName, log?: Log, clock?: Clock): Bus;
  /**
   * A connection with a freshly minted cell identity.
   * @param options.rogue it answers whatever its handlers say, fitting the contract or not
   */
  cellBus(cell: CellId, log?: Log, options?: { rogue?: boolean }): Promise<Bus>;
  /** The same as a plain NATS client has it: says and hears bytes, and checks nothing. */
  rawCell(cell: CellId): Promise<NatsConnection>;
  credentials(name: IdentityName): Promise<Uint8Array>;
  /** `kill -9` of the server, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again, on the same port with the same data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });

/** By this process. Who asks for several wants to listen on all of them only then. */
const given = new Set<number>();

/**
 * A TCP port that was free a moment ago, and is none that the kernel gives to connections, of which one may come before
 * whoever wants to listen.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 8_192 + Math.floor(Math.random() * 8_192);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
};

const listening = async (port: number): Promise<boolean> => {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {}, error() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
};

interface IdentityFiles extends Pick<Identities, "account" | "systemAccount"> {
  /** By their path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}
const makeIdentityFiles = async (): Promise<IdentityFiles> => {
  const directory = await mkdtemp(join(tmpdir(), "nano-bus-identities-"));
  try {
    const { account, systemAccount } = await ensureIdentities(directory);
    const files = new Map<string, Uint8Array>();
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files.set(path.slice(directory.length + 1), await readFile(path));
    }
    return { account, systemAccount, files };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};
let shared: Promise<IdentityFiles> | undefined;
const sharedIdentities = async (directory: string): Promise<Identities> => {
  shared ??= makeIdentityFiles();
  const { files, ...keys } = await shared;
  for (const [name, content] of files) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, content, { mode: 0o600 });
  }
  return identitiesIn(directory, keys);
};

/**
 * @param options.shared with the same identities as all others of this process that say so: making some takes a while, and only tests that set one zone
 *   against another need them
 */
export const startTestBus = async (options: { shared?: boolean } = {}): Promise<TestBus> => {
  const directory = await mkdtemp(join(tmpdir(), "nano-bus-"));
  const identities = await (options.shared ? sharedIdentities : ensureIdentities)(join(directory, "nats"));
  const port = await freePort();
  const url = `nats://127.0.0.1:${port}`;
  const credentials: Partial<Record<IdentityName, Uint8Array>> = {};
  for (const name of identityNames) credentials[name] = await readFile(identities.credentials(name));
  const mint = await openCellMint(join(directory, "nats"));
  const buses: Bus[] = [];
  const raws: NatsConnection[] = [];
  let server: Bun.Subprocess | undefined;

  const start = async () => {
    const log = Bun.file(join(directory, "nats-server.log"));
    const started = Bun.spawn(["nats-server", "-c", configuration], {
      env: {
        PATH: process.env.PATH ?? "",
        NANO_NATS_NAME: "test",
        NANO_NATS_HOST: "127.0.0.1",
        NANO_NATS_PORT: String(port),
        NANO_NATS_STORE: join(directory, "jetstream"),
        NANO_NATS_OPERATOR: identities.operatorJwt,
        NANO_NATS_SYSTEM_ACCOUNT: identities.systemAccount,
        NANO_NATS_ACCOUNTS: identities.accounts,
      },
      stdin: "ignore",
      stdout: "ignore",
      stderr: log,
    });
    server = started;
    for (let i = 0; i < 500; i++) {
      if (started.exitCode !== null) throw new Error(`nats-server ended: ${await log.text()}`);
      if (await listening(port)) return;
      await Bun.sleep(10);
    }
    throw new Error(`nats-server does not listen; see ${directory}`);
  };
  const kill = async () => {
    server?.kill("SIGKILL");
    await server?.exited;
  };
  const keep = (bus: Bus) => {
    buses.push(bus);
    return bus;
  };
  const stop = async () => {
    await Promise.all([...buses, ...raws].map((one) => one.close()));
    await kill();
    await rm(directory, { recursive: true, force: true });
  };
  await start();
  return {
    url,
    directory,
    identities,
    bus: (name, log = silentLog, clock = systemClock) => {
      const own = credentials[name];
      if (!own) throw new Error(`No identity ${name}`);
      return keep(connectBus({ url, credentials: own, name, version: "0.0.0", log, clock, checkReplies: true }));
    },
    cellBus: async (cell, log = silentLog, { rogue = false } = {}) => {
      const { seed, publicKey } = createCellKey();
      const own = credentialsOf(await mint.mint(cell, publicKey), seed);
      return keep(connectBus({ url, credentials: own, name: cell, version: "0.0.0", log, checkReplies: !rogue }));
    },
    rawCell: async (cell) => {
      const { seed, publicKey } = createCellKey();
      const raw = await connect({
        servers: url,
        authenticator: credsAuthenticator(credentialsOf(await mint.mint(cell, publicKey), seed)),
        inboxPrefix: `_INBOX_${cell}`,
      });
      raws.push(raw);
      return raw;
    },
    credentials: (name) => readFile(identities.credentials(name)),
    kill,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
};
