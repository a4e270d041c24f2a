/** The scheduler as a process: configuration, database, bus, discovery. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Bus, connectBus, createLog } from "@nano/bus";
import { expelUsers } from "@nano/bus/expel";
import { openCellMint } from "@nano/bus/identity";
import { shrinkOnceQuiet } from "@nano/bus/shrink";
import { type Log, systemClock } from "@nano/contract";
import { ensureJoinSecret } from "@nano/discovery";
import { openDatabase } from "@nano/store";
import version from "../package.json" with { type: "json" };
import { type AdmissionConfig, admitCells } from "./cells/admission.ts";
import { type Database, migrations } from "./database.ts";
import { type SchedulerDeps, startScheduler } from "./scheduler.ts";
import { failpointFrom } from "./tasks/failpoints.ts";

export interface SchedulerConfig {
  /** `sqlite:<path>`. */
  readonly database: string;
  /** The domain that tells this zone from others on the same network. */
  readonly domain: string;
  readonly bus: { readonly url: string; readonly credentials: string };
  /** The zone's identities, of which cells get theirs; without it no cell is discovered. */
  readonly identities?: string;
  readonly discovery?: Omit<AdmissionConfig, "joinSecret">;
  /** File with the join secret; made when it is missing. */
  readonly joinSecretFile: string;
  /** Long work of a cell that makes no progress for so many milliseconds is ended. */
  readonly stalledAfterMs?: number;
  /** `NANO_FAIL`, for tests: see `tasks/failpoints.ts`. */
  readonly fail?: string;
  readonly log?: Log;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads what `infra/nanoctl/src/config.ts` writes.
 * @throws TypeError naming the variable that is missing or wrong
 */
export function configFromEnv(env: Environment): SchedulerConfig {
  const required = (name: string): string => {
    const value = env[name];
    if (value === undefined || value === "") throw new TypeError(`${name} is not set`);
    return value;
  };
  const domain = env.NANO_DOMAIN ?? "nano";
  const url = required("NANO_NATS_URL");
  const port = Number(env.NANO_DISCOVERY_PORT ?? 5_599);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new TypeError(`NANO_DISCOVERY_PORT is '${env.NANO_DISCOVERY_PORT}', which is no port`);
  const stall = env.NANO_STALL_MINUTES;
  if (stall !== undefined && !(Number(stall) > 0))
    throw new TypeError(`NANO_STALL_MINUTES is '${stall}', which is no number of minutes`);
  return {
    database: `sqlite:${join(required("NANO_DATA"), "scheduler.db")}`,
    domain,
    bus: { url, credentials: required("NANO_NATS_CREDS") },
    ...(env.NANO_NATS_DIR ? { identities: env.NANO_NATS_DIR } : {}),
    discovery: {
      domain,
      group: env.NANO_DISCOVERY_GROUP ?? "224.0.0.226",
      port,
      interface: env.NANO_DISCOVERY_INTERFACE ?? "127.0.0.1",
      busUrls: url.split(","),
    },
    joinSecretFile: env.NANO_JOIN_SECRET_FILE || join(required("NANO_DATA"), "join-secret"),
    ...(stall === undefined ? {} : { stalledAfterMs: Number(stall) * 60_000 }),
    ...(env.NANO_FAIL ? { fail: env.NANO_FAIL } : {}),
  };
}

/** How long the scheduler before this one may take to end: two would drive the same tasks. */
const predecessorMs = 15_000;

export interface RunningScheduler {
  readonly bus: Bus;
  stop(): Promise<void>;
}

/**
 * Resolves when the scheduler serves, or will as soon as the bus is there.
 * @param overrides for tests: time, chance, failpoints
 */
export async function start(
  config: SchedulerConfig,
  overrides: Partial<Omit<SchedulerDeps, "db" | "bus" | "log">> = {},
): Promise<RunningScheduler> {
  const log = config.log ?? createLog("scheduler");
  const clock = overrides.clock ?? systemClock;
  const db = await openDatabase<Database>({ url: config.database, migrations, log, aloneWithinMs: predecessorMs });
  const bus = connectBus({
    url: config.bus.url,
    credentials: await readFile(config.bus.credentials),
    name: "scheduler",
    version: version.version,
    log,
  });
  const { identities } = config;
  const scheduler = await startScheduler({
    random: Math.random,
    newId: () => Bun.randomUUIDv7(),
    zone: config.domain,
    failpoint: failpointFrom(config.fail),
    ...(config.stalledAfterMs === undefined ? {} : { stalledAfterMs: config.stalledAfterMs }),
    ...(identities === undefined ? {} : { expel: (expelled) => expelUsers(identities, config.bus.url, expelled) }),
    ...overrides,
    clock,
    db,
    bus,
    log,
  });
  const listener =
    config.discovery && config.identities
      ? await admitCells(
          { ...config.discovery, joinSecret: await ensureJoinSecret(config.joinSecretFile) },
          {
            ...{ log, clock, mint: await openCellMint(config.identities) },
            admit: scheduler.admit,
            isMember: (cell) => (scheduler.registry.find(cell)?.stored.pool ?? null) !== null,
          },
        )
      : undefined;
  log.info("The scheduler serves", { domain: config.domain });
  return {
    bus,
    stop: async () => {
      await listener?.stop();
      await scheduler.stop();
      await bus.close();
      await db.destroy();
    },
  };
}

if (import.meta.main) {
  const running = await start(configFromEnv(process.env));
  shrinkOnceQuiet();
  const stop = () => void running.stop().then(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}
