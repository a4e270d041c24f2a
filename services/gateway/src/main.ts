/**
 * The gateway: REST and Swagger, people, consoles, the event stream. See README.md.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectBus, createLog } from "@nano/bus";
import { shrinkOnceQuiet } from "@nano/bus/shrink";
import { type Clock, endedCredential, type Log, systemClock } from "@nano/contract";
import { openDatabase, startOutbox } from "@nano/store";
import { version } from "../package.json" with { type: "json" };
import { ConfigError, configFromEnv, type GatewayConfig, proxiesOf } from "./config.ts";
import { type ConsoleLimits, Consoles, consoleLimits } from "./console/consoles.ts";
import { cellPath, createConsoleDoor } from "./console/door.ts";
import { consoleHandlers } from "./console/handlers.ts";
import { createEvents } from "./events/stream.ts";
import { openHttp } from "./http.ts";
import { originsOf } from "./origins.ts";
import { createDevices } from "./people/device.ts";
import { createEnded } from "./people/ended.ts";
import { endExpired } from "./people/expiry.ts";
import { createPasswords } from "./people/passwords.ts";
import { createRecognizer } from "./people/recently.ts";
import { cryptoRandom, type RandomBytes } from "./people/secrets.ts";
import { type PeopleContext, sessionHandlers } from "./people/sessions.ts";
import { setupHandlers } from "./people/setup.ts";
import { migrations, type PeopleTables } from "./people/store.ts";
import { tokenHandlers } from "./people/tokens.ts";
import { identify, sessionCookieOf } from "./rest/caller.ts";

export { configFromEnv, type GatewayConfig } from "./config.ts";

/** What tests replace. */
export interface GatewayParts {
  readonly log?: Log;
  readonly clock?: Clock;
  readonly random?: RandomBytes;
  readonly consoleLimits?: ConsoleLimits;
  readonly heartbeatMs?: number;
  readonly pause?: (ms: number) => Promise<void>;
}

export interface Gateway {
  /** The port it got. */
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** What a session or token opened ends within a second of it. */
const expiryMs = 500;
const stopMs = 10_000;
const keyBytes = 32;

/** 32 bytes that stay the same over restarts, readable by this service alone. */
const ensureKey = async (path: string): Promise<Uint8Array> => {
  const file = Bun.file(path);
  if ((await file.exists()) && file.size === keyBytes) return file.bytes();
  const key = randomBytes(keyBytes);
  // Node's function: Bun.write does not heed `mode`. Renamed when complete, so that a crash leaves no half a key.
  await writeFile(`${path}.new`, key, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return key;
};

/**
 * @throws DatabaseError when its database is damaged or newer than this program; whatever `Bun.serve` says of a port in
 * use
 */
export const start = async (config: GatewayConfig, parts: GatewayParts = {}): Promise<Gateway> => {
  const {
    clock = systemClock,
    random = cryptoRandom,
    log = createLog("gateway", { level: config.logLevel ?? "info" }),
  } = parts;
  const limits = parts.consoleLimits ?? consoleLimits;
  // What was opened is closed in the opposite order: when `start` fails half way, and when the gateway stops.
  await using opened = new AsyncDisposableStack();

  await mkdir(config.data, { recursive: true, mode: 0o700 });
  await chmod(config.data, 0o700);
  const db = await openDatabase<PeopleTables>({ url: `sqlite:${join(config.data, "gateway.db")}`, migrations, log });
  opened.defer(() => db.destroy());
  const key = await ensureKey(join(config.data, "secrets.key"));
  const credentials = await Bun.file(config.natsCreds).bytes();
  const bus = connectBus({ url: config.natsUrl, credentials, name: "gateway", version, log });
  opened.defer(() => bus.close());
  const outbox = startOutbox({ db, emit: (event, id) => bus.emit(event, id), log });
  opened.defer(() => outbox.stop());

  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  let gatewayUrl = config.gatewayUrl ?? "";
  const ended = createEnded();
  const consoles = new Consoles({
    bus,
    ended,
    clock,
    log,
    random,
    limits,
    cellUrl: () => `${gatewayUrl.replace(/^http/, "ws")}${cellPath}`,
  });
  const recognizer = createRecognizer(db, clock);
  const people: PeopleContext = {
    db,
    clock,
    random,
    passwords: createPasswords(),
    key,
    devices: createDevices({ key, clock, random }),
    recognize: recognizer.recognize,
    pause: parts.pause ?? Bun.sleep,
    committed: () => {
      recognizer.forget();
      outbox.kick();
    },
    ended: ended.add,
    // Who logs out takes back all unused tickets of theirs, whichever session they were asked for in.
    onLogout: (userId) => consoles.tickets.revoke(({ actor }) => actor.id === userId),
  };
  bus.serve("gateway", {
    ...setupHandlers({ ...people, webUrl: config.webUrl }),
    ...sessionHandlers(people),
    ...tokenHandlers(people),
    ...consoleHandlers({ bus, clock, consoles, limits }),
  });

  const cookie = sessionCookieOf(config.webUrl);
  const whoAsks = (request: Request) => identify(request, recognizer.recognize, cookie);
  const { heartbeatMs } = parts;
  const stillThere = (request: Request) => identify(request, recognizer.check, cookie);
  const events = createEvents({
    bus,
    ended,
    identify: whoAsks,
    stillThere,
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  });
  const origins = new Set(originsOf([config.webUrl, ...(config.gatewayUrl ? [config.gatewayUrl] : [])]));
  const server = openHttp({
    host: config.host,
    port: config.port,
    version,
    log,
    webUrl: config.webUrl,
    ...(config.gatewayUrl === undefined ? {} : { gatewayUrl: config.gatewayUrl }),
    secure: config.gatewayUrl?.startsWith("https:") ?? false,
    proxies: proxiesOf(config),
    rest: { bus, recognize: recognizer.recognize, origins, cookie },
    events: events.open,
    console: createConsoleDoor({ clock, consoles, origins, identify: whoAsks }),
  });
  const port = server.port ?? config.port;
  const url = `http://${host}:${port}`;
  if (gatewayUrl === "") {
    gatewayUrl = url;
    for (const origin of originsOf([url])) origins.add(origin);
  }
  opened.defer(async () => {
    events.stop();
    consoles.stop();
    await Promise.race([server.stop(), Bun.sleep(stopMs)]);
    await server.stop(true);
  });
  // Another gateway, or this one before a crash, may have ended them: its word comes over the bus.
  opened.defer(
    bus.onEvents((event) => {
      const credential = endedCredential(event);
      if (credential === undefined || ended.has(credential)) return;
      recognizer.forget();
      ended.add([credential]);
    }),
  );
  let look: Promise<void> | undefined;
  const looks = setInterval(() => {
    look ??= endExpired(people)
      .catch((error: unknown) => log.error("Could not end what has expired", { error }))
      .finally(() => {
        look = undefined;
      });
  }, expiryMs);
  opened.defer(async () => {
    clearInterval(looks);
    await look;
  });

  log.info("The gateway listens", { url: gatewayUrl, port });
  const running = opened.move();
  return {
    port,
    url,
    async stop() {
      await running.disposeAsync();
      log.info("The gateway stopped");
    },
  };
};

if (import.meta.main) {
  const started = Promise.resolve(process.env)
    .then(configFromEnv)
    .then((config) => start(config));
  const gateway = await started.catch((error: unknown) => {
    createLog("gateway").error("Could not start", { error });
    process.exit(error instanceof ConfigError ? 2 : 1);
  });
  shrinkOnceQuiet();
  const stop = () => void gateway.stop().then(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}
