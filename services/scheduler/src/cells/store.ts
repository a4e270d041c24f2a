/** The table `cells`: every cell that was ever discovered, as it last described itself. Nothing else touches it. */
import { Abilities, Cell, type CellId, fits, Host, type PoolName, shortened, type Timestamp } from "@nano/contract";
import { prepared } from "@nano/store";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { fromColumn, toColumn, toFlag } from "../column.ts";
import type { Database } from "../database.ts";
import { forgetGiven } from "./given.ts";

export interface CellTable {
  id: CellId;
  name: string;
  pool: PoolName | null;
  enabled: number;
  address: string;
  virtualization: Cell["virtualization"];
  cores: number;
  memory_mib: number;
  storage_gib: number;
  /** JSON: Cell["versions"]. */
  versions: string;
  /** JSON: Ability[]. */
  abilities: string;
  network: string;
  fingerprint: string;
  /** JSON: string[]. */
  problems: string;
  discovered_at: Timestamp;
  last_seen_at: Timestamp;
  revision: number;
}

export const cellMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("cells")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("pool", "text", (c) => c.references("pools.name"))
      .addColumn("enabled", "integer", (c) => c.notNull())
      .addColumn("address", "text", (c) => c.notNull())
      .addColumn("virtualization", "text", (c) => c.notNull())
      .addColumn("cores", "integer", (c) => c.notNull())
      .addColumn("memory_mib", "bigint", (c) => c.notNull())
      .addColumn("storage_gib", "bigint", (c) => c.notNull())
      .addColumn("versions", "text", (c) => c.notNull())
      .addColumn("network", "text", (c) => c.notNull())
      .addColumn("fingerprint", "text", (c) => c.notNull())
      .addColumn("problems", "text", (c) => c.notNull())
      .addColumn("discovered_at", "text", (c) => c.notNull())
      .addColumn("last_seen_at", "text", (c) => c.notNull())
      .addColumn("revision", "integer", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("cells_by_pool").on("cells").columns(["pool", "name", "id"]).execute();
  },
};

export const abilitiesMigration: Migration = {
  async up(db) {
    await db.schema
      .alterTable("cells")
      .addColumn("abilities", "text", (c) => c.notNull().defaultTo("[]"))
      .execute();
  },
};

/** What a cell says of itself and seldom changes. */
export type CellDescription = Pick<
  Cell,
  "name" | "address" | "virtualization" | "capacity" | "versions" | "abilities" | "network" | "fingerprint" | "problems"
>;

export interface StoredCell extends CellDescription {
  readonly id: CellId;
  readonly pool: PoolName | null;
  readonly enabled: boolean;
  readonly discoveredAt: Timestamp;
  readonly lastSeenAt: Timestamp;
  readonly revision: number;
}

const {
  versions: Versions,
  capacity: Capacity,
  problems: Problems,
  network: Network,
  fingerprint: Key,
} = Cell.properties;

const fromRow = (row: CellTable): StoredCell => ({
  id: row.id,
  name: row.name,
  pool: row.pool,
  enabled: row.enabled === 1,
  // Older versions took any text for an address.
  address: fits(Host, row.address) ? row.address : "unknown",
  virtualization: row.virtualization,
  capacity: fromColumn(
    Capacity,
    toColumn({ cores: row.cores, memoryMiB: row.memory_mib, storageGiB: row.storage_gib }),
    `the capacity of cell ${row.id}`,
  ),
  versions: fromColumn(Versions, row.versions, `the versions of cell ${row.id}`),
  abilities: fromColumn(Abilities, row.abilities, `the abilities of cell ${row.id}`),
  network: shortened(Network, row.network),
  fingerprint: shortened(Key, row.fingerprint),
  problems: fromColumn(Problems, row.problems, `the problems of cell ${row.id}`),
  discoveredAt: row.discovered_at,
  lastSeenAt: row.last_seen_at,
  revision: row.revision,
});

const describing = (cell: CellDescription) => ({
  name: cell.name,
  address: cell.address,
  virtualization: cell.virtualization,
  cores: cell.capacity.cores,
  memory_mib: cell.capacity.memoryMiB,
  storage_gib: cell.capacity.storageGiB,
  versions: toColumn(cell.versions),
  abilities: toColumn(cell.abilities),
  network: cell.network,
  fingerprint: cell.fingerprint,
  problems: toColumn(cell.problems),
});

export const loadCells = async (db: Kysely<Database>): Promise<StoredCell[]> =>
  (await db.selectFrom("cells").selectAll().execute()).map(fromRow);

export const insertCell = async (db: Kysely<Database>, cell: StoredCell): Promise<void> => {
  await db
    .insertInto("cells")
    .values({
      id: cell.id,
      pool: cell.pool,
      enabled: toFlag(cell.enabled),
      ...describing(cell),
      discovered_at: cell.discoveredAt,
      last_seen_at: cell.lastSeenAt,
      revision: cell.revision,
    })
    .execute();
};

export const findCell = async (db: Kysely<Database>, id: CellId): Promise<StoredCell | undefined> => {
  const row = await db.selectFrom("cells").selectAll().where("id", "=", id).executeTakeFirst();
  return row && fromRow(row);
};

const poolOf = prepared((db: Kysely<Database>, { id }: { id: CellId }) =>
  db.selectFrom("cells").select(["pool", "enabled"]).where("id", "=", id),
);

/** Whether instances of this pool may be placed on it. */
export const isOpen = async (db: Kysely<Database>, id: CellId, pool: PoolName): Promise<boolean> => {
  const [row] = await poolOf(db, { id });
  return row?.pool === pool && row.enabled === 1;
};

export type CellChanges = Partial<CellDescription & Pick<StoredCell, "pool" | "enabled" | "lastSeenAt">>;

/** Writes only what changed, so that a heartbeat and a person do not overwrite each other's words. */
export const updateCell = async (db: Kysely<Database>, id: CellId, changes: CellChanges): Promise<void> => {
  const { pool, enabled, lastSeenAt, capacity, versions, abilities, problems, ...plain } = changes;
  await db
    .updateTable("cells")
    .set({
      ...plain,
      ...(pool === undefined ? {} : { pool }),
      ...(enabled === undefined ? {} : { enabled: toFlag(enabled) }),
      ...(lastSeenAt === undefined ? {} : { last_seen_at: lastSeenAt }),
      ...(capacity === undefined
        ? {}
        : { cores: capacity.cores, memory_mib: capacity.memoryMiB, storage_gib: capacity.storageGiB }),
      ...(versions === undefined ? {} : { versions: toColumn(versions) }),
      ...(abilities === undefined ? {} : { abilities: toColumn(abilities) }),
      ...(problems === undefined ? {} : { problems: toColumn(problems) }),
    })
    .set((e) => ({ revision: e("revision", "+", 1) }))
    .where("id", "=", id)
    .execute();
};

export const countCellsOfPool = async (db: Kysely<Database>, pool: PoolName): Promise<number> => {
  const { n } = await db
    .selectFrom("cells")
    .select((e) => e.fn.countAll<number>().as("n"))
    .where("pool", "=", pool)
    .executeTakeFirstOrThrow();
  return Number(n);
};

export const deleteCell = async (db: Kysely<Database>, id: CellId): Promise<void> => {
  await forgetGiven(db, id);
  await db.deleteFrom("cells").where("id", "=", id).execute();
};
