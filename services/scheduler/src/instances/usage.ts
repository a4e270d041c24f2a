/** Sums over instances: what is reserved where. There are no counters that could drift: a reservation is an instance's row. */
import type { CellId, InstanceState, PoolName } from "@nano/contract";
import { prepared } from "@nano/store";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";

export interface Usage {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly storageGiB: number;
  readonly total: number;
  readonly running: number;
}
export const noUsage: Usage = { cores: 0, memoryMiB: 0, storageGiB: 0, total: 0, running: 0 };

export const plusUsage = (a: Usage, b: Usage): Usage => ({
  cores: a.cores + b.cores,
  memoryMiB: a.memoryMiB + b.memoryMiB,
  storageGiB: a.storageGiB + b.storageGiB,
  total: a.total + b.total,
  running: a.running + b.running,
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

export const usageByPool = async (db: Kysely<Database>): Promise<Map<PoolName, Usage>> =>
  collect(await sums(db).execute(), (row) => row.pool);

export const countByState = async (db: Kysely<Database>): Promise<Map<InstanceState, number>> => {
  const rows = await db
    .selectFrom("instances")
    .select((e) => ["state", e.fn.countAll<number>().as("n")])
    .groupBy("state")
    .execute();
  return new Map(rows.map((row) => [row.state, Number(row.n)]));
};
