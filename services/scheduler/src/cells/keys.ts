/**
 * The keys that cells have proven to own when they joined. What a cell's fingerprint is, is told by this table and
 * never by the cell: anyone may say another's. A cell that was forgotten leaves its row here as a tombstone: its key is
 * refused until a person readmits it.
 */
import { type CellId, type Clock, type ForgottenCell, type Timestamp, timestamp } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { Database } from "../database.ts";
import type { Journal } from "../events/journal.ts";
import type { CellRegistry } from "./registry.ts";
import { updateCell } from "./store.ts";

export interface CellKeyTable {
  id: CellId;
  /** Public nkey. */
  public_key: string;
  admitted_at: Timestamp;
  /** When a person forgot the cell; null while it may join. */
  forgotten_at: Timestamp | null;
  /** What it was called then; null where an older version forgot it. */
  forgotten_name: string | null;
}

/** What a cell's fingerprint is while no key of it was proven to this version. */
export const unproven = "unknown";

export const cellKeyMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("cell_keys")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("public_key", "text", (c) => c.notNull())
      .addColumn("admitted_at", "text", (c) => c.notNull())
      .addColumn("forgotten_at", "text")
      .execute();
    // Until now it was what the cells said. They join anew with this version.
    await db.updateTable("cells").set({ fingerprint: unproven }).execute();
  },
};

export const forgottenNameMigration: Migration = {
  async up(db) {
    await db.schema.alterTable("cell_keys").addColumn("forgotten_name", "text").execute();
  },
};

export class CellKeys {
  readonly #keys = new Map<CellId, string>();
  /** Since when, in milliseconds. */
  readonly #forgotten = new Map<CellId, number>();

  static async load(db: Kysely<Database>): Promise<CellKeys> {
    const keys = new CellKeys();
    for (const row of await db.selectFrom("cell_keys").selectAll().execute()) {
      keys.#keys.set(row.id, row.public_key);
      if (row.forgotten_at !== null) keys.#forgotten.set(row.id, Date.parse(row.forgotten_at));
    }
    return keys;
  }

  /** The proven key. */
  of(cell: CellId): string | undefined {
    return this.#keys.get(cell);
  }

  isForgotten(cell: CellId): boolean {
    return this.#forgotten.has(cell);
  }

  /** It was proven to be the cell's: committed. */
  proven(cell: CellId, publicKey: string): void {
    this.#keys.set(cell, publicKey);
  }

  /** A person forgot the cell: committed. */
  forgotten(cell: CellId, at: number): void {
    this.#forgotten.set(cell, at);
  }

  /** A person lets it join again: committed. */
  readmitted(cell: CellId): void {
    this.#forgotten.delete(cell);
  }

  /** The keys of forgotten cells, and the second since when they are refused. */
  get expelled(): Readonly<Record<string, number>> {
    const all: Record<string, number> = {};
    for (const [cell, at] of this.#forgotten) {
      const key = this.#keys.get(cell);
      if (key !== undefined && key !== unproven) all[key] = Math.floor(at / 1_000);
    }
    return all;
  }
}

export const writeKey = async (trx: Kysely<Database>, id: CellId, publicKey: string, now: Timestamp): Promise<void> => {
  await trx
    .insertInto("cell_keys")
    .values({ id, public_key: publicKey, admitted_at: now, forgotten_at: null, forgotten_name: null })
    .onConflict((c) => c.column("id").doUpdateSet({ public_key: publicKey }))
    .execute();
};

/** @param publicKey `unproven` for a cell that has not joined this version */
export const writeForgotten = async (
  trx: Kysely<Database>,
  { id, name }: { readonly id: CellId; readonly name: string },
  publicKey: string,
  at: Timestamp,
): Promise<void> => {
  const tombstone = { forgotten_at: at, forgotten_name: name };
  await trx
    .insertInto("cell_keys")
    .values({ id, public_key: publicKey, admitted_at: at, ...tombstone })
    .onConflict((c) => c.column("id").doUpdateSet(tombstone))
    .execute();
};

export const forgottenCells = async (db: Kysely<Database>): Promise<ForgottenCell[]> => {
  const rows = await db.selectFrom("cell_keys").selectAll().where("forgotten_at", "is not", null).execute();
  return rows.flatMap(({ id, public_key: fingerprint, forgotten_at: forgottenAt, forgotten_name: name }) =>
    forgottenAt === null ? [] : [{ id, fingerprint, forgottenAt, ...(name === null ? {} : { name }) }],
  );
};

export const writeReadmitted = async (trx: Kysely<Database>, id: CellId): Promise<void> => {
  await trx.updateTable("cell_keys").set({ forgotten_at: null, forgotten_name: null }).where("id", "=", id).execute();
};

/** @returns what admission does with a proven key: keeps it, unless the cell was forgotten */
export const cellAdmission =
  (deps: { journal: Pick<Journal, "write">; registry: CellRegistry; keys: CellKeys; clock: Clock }) =>
  async (cell: CellId, publicKey: string): Promise<boolean> => {
    const { journal, registry, keys, clock } = deps;
    if (keys.isForgotten(cell)) return false;
    const changes = { fingerprint: publicKey };
    const isShown = registry.find(cell)?.stored.fingerprint === publicKey;
    if (keys.of(cell) === publicKey && (isShown || !registry.find(cell))) return true;
    await journal.write(async (trx) => {
      await writeKey(trx, cell, publicKey, timestamp(clock.now()));
      await updateCell(trx, cell, changes);
    });
    keys.proven(cell, publicKey);
    registry.changed(cell, changes, clock.monotonic());
    return true;
  };
