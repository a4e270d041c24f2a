/**
 * A scheduler's database with a history, written through the scheduler's own stores: making it by requests would take
 * minutes.
 */
import {
  type CellId,
  decode,
  defaultSettings,
  type InstanceId,
  InstanceIdSchema,
  type PoolName,
  silentLog,
  systemClock,
  timestamp,
} from "@nano/contract";
import { insertCell } from "@nano/scheduler/cells/store";
import { type Database, migrations } from "@nano/scheduler/database";
import { insertInstance } from "@nano/scheduler/instances/store";
import { insertPool } from "@nano/scheduler/pools/store";
import { openDatabase } from "@nano/store";
import type { Kysely } from "kysely";
import { cellId, pick, resources } from "./cells.ts";

export const pool = "default" as PoolName;

export const openScheduler = (path: string): Promise<Kysely<Database>> =>
  openDatabase<Database>({ url: `sqlite:${path}`, migrations, log: silentLog });

/** The pool `default` and in it `count` cells that are not heard of. */
export async function seedCells(db: Kysely<Database>, count: number): Promise<void> {
  const at = timestamp(systemClock.now());
  await db.transaction().execute(async (trx) => {
    await insertPool(trx, { name: pool, description: "", created_at: at, revision: 1 });
    for (let n = 0; n < count; n++) {
      await insertCell(trx, {
        id: cellId(n),
        name: `node-${n}`,
        pool,
        enabled: true,
        address: "192.0.2.1",
        virtualization: "simulated",
        abilities: [],
        capacity: resources(64, 262_144, 8_000),
        versions: { nano: "0.1.0" },
        network: "user",
        fingerprint: "UAEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMP",
        problems: [],
        discoveredAt: at,
        lastSeenAt: at,
        revision: 1,
      });
    }
  });
}

/** Instances on the cells that {@link seedCells} made, spread over them; `lost`, as their cells are. */
export async function seedInstances(
  db: Kysely<Database>,
  count: number,
  cells: number,
  random: () => number,
): Promise<void> {
  const words = ["web", "db", "cache", "build", "mail", "test"];
  await db.transaction().execute(async (trx) => {
    for (let n = 0; n < count; n++) {
      const cores = pick([1, 2, 4, 8], random);
      const at = timestamp(systemClock.now() - Math.floor(random() * 90 * 86_400_000));
      await insertInstance(trx, {
        id: newInstanceId(),
        name: `${pick(words, random)}-${n}`,
        description: "Made by the bench",
        pool,
        cell: cellId(n % cells) as CellId,
        state: "lost",
        stateReason: "Its cell does not answer",
        cores,
        memoryMiB: resources(0, cores * 2_048, 0).memoryMiB,
        disks: [{ name: "system", sizeGiB: resources(0, 0, 20).storageGiB }],
        nics: [{ name: "nic-1", mac: macOf(n) }],
        nicAddresses: [],
        addresses: [`192.0.2.${n % 250}`],
        media: null,
        autostart: false,
        settings: defaultSettings,
        pending: [],
        running: {},
        snapshots: 0,
        agent: false,
        owner: "bench",
        decision: null,
        task: null,
        epoch: 1,
        assignedEpoch: 1,
        createdAt: at,
        modifiedAt: at,
        startedAt: null,
        stopAskedAt: null,
        stopUntil: null,
        restartedAt: null,
        revision: 1,
      });
    }
  });
}

const newInstanceId = (): InstanceId => decode(InstanceIdSchema, Bun.randomUUIDv7(), "naming a bench's instance");

/** `52:54:00:00:00:07` for 7. */
const macOf = (n: number): string =>
  `52:54:00:${[16, 8, 0].map((shift) => ((n >> shift) & 0xff).toString(16).padStart(2, "0")).join(":")}`;
