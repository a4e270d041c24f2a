/**
 * Sums over instances: what is reserved where. A reservation is an instance's row. The registry keeps each cell's sums
 * in memory: they are read again after every transaction that wrote one of its instances, so there is no counter that
 * could drift.
 */
import { type CellId, type InstanceState, instanceStates, type PoolName } from "@nano/contract";
import { prepared } from "@nano/store";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";

export interface Usage {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly storageGiB: number;
  readonly total: number;
  readonly running: number;
  /** How many are in which state. */
  readonly states: Readonly<Partial<Record<InstanceState, number>>>;
}
export const noUsage: Usage = { cores: 0, memoryMiB: 0, storageGiB: 0, total: 0, running: 0, states: {} };

const plusStates = (a: Usage["states"], b: Usage["states"]): Usage["states"] => {
  const sum: Partial<Record<InstanceState, number>> = { ...a };
  for (const state of instanceStates) if (b[state] !== undefined) sum[state] = (a[state] ?? 0) + b[state];
  return sum;
};

export const plusUsage = (a: Usage, b: Usage): Usage => ({
  cores: a.cores + b.cores,
  memoryMiB: a.memoryMiB + b.memoryMiB,
  storageGiB: a.storageGiB + b.storageGiB,
  total: a.total + b.total,
  running: a.running + b.running,
  states: plusStates(a.states, b.states),
});

/** States in which a QEMU process is alive. */
const alive: ReadonlySet<InstanceState> = new Set(["running", "stopping", "paused"]);

const sums = (db: Kysely<Database>) =>
  db
    .selectFrom("instances")
    // As the index is sorted that holds all of this.
    .groupBy(["cell", "pool", "state"])
    .select((e) => [
      "cell",
      "pool",
      "state",
      e.fn.countAll<number>().as("total"),
      e.fn.sum<number>("cores").as("cores"),
      e.fn.sum<number>("memory_mib").as("memory"),
      e.fn.sum<number>("storage_gib").as("storage"),
    ]);
interface Sums {
  readonly cell: CellId;
  readonly pool: PoolName;
  readonly state: InstanceState;
  readonly total: number;
  readonly cores: number;
  readonly memory: number;
  readonly storage: number;
}
// Sums may arrive as text or bigint, as the database likes.
const usageOf = (row: Sums): Usage => ({
  cores: Number(row.cores),
  memoryMiB: Number(row.memory),
  storageGiB: Number(row.storage),
  total: Number(row.total),
  running: alive.has(row.state) ? Number(row.total) : 0,
  states: { [row.state]: Number(row.total) },
});

const collect = <Key>(rows: readonly Sums[], keyOf: (row: Sums) => Key): Map<Key, Usage> => {
  const usages = new Map<Key, Usage>();
  for (const row of rows) usages.set(keyOf(row), plusUsage(usages.get(keyOf(row)) ?? noUsage, usageOf(row)));
  return usages;
};

const sumsOfCell = prepared((db: Kysely<Database>, { cell }: { cell: CellId }) => sums(db).where("cell", "=", cell));

export const usageOfCell = async (db: Kysely<Database>, cell: CellId): Promise<Usage> =>
  (await sumsOfCell(db, { cell })).map(usageOf).reduce(plusUsage, noUsage);

/** Of these cells, or of all. A cell without instances is not in it. */
export const usageByCell = async (db: Kysely<Database>, cells?: readonly CellId[]): Promise<Map<CellId, Usage>> => {
  const query = cells ? sums(db).where("cell", "in", [...cells]) : sums(db);
  return collect(await query.execute(), (row) => row.cell);
};

/** How many instances are said to be in this pool. */
export const countOfPool = async (db: Kysely<Database>, pool: PoolName): Promise<number> => {
  const row = await db
    .selectFrom("instances")
    .where("pool", "=", pool)
    .select((e) => e.fn.countAll<number>().as("n"))
    .executeTakeFirstOrThrow();
  return Number(row.n);
};
