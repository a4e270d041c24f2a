/**
 * Which image files the zone has given to which cell. A cell that says that a file of it is damaged is given it again;
 * it names the file itself, and must not get what it never had.
 */
import type { CellId, Clock, Sha256, Timestamp } from "@nano/contract";
import { fits, Sha256Schema, timestamp } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { Database } from "../database.ts";
import type { Journal } from "../events/journal.ts";

export interface GivenFileTable {
  cell: CellId;
  sha256: Sha256;
  given_at: Timestamp;
}

/** Until now nobody wrote it down: a cell was given what its instances' disks are made of. */
export const givenFileMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("given_files")
      .addColumn("cell", "text", (c) => c.notNull())
      .addColumn("sha256", "text", (c) => c.notNull())
      .addColumn("given_at", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("given_files_key", ["cell", "sha256"])
      .execute();
    const rows = await db.selectFrom("instances").select(["cell", "disks", "created_at"]).execute();
    for (const { cell, disks, created_at } of rows) {
      const all: unknown = JSON.parse(disks);
      for (const disk of Array.isArray(all) ? all : []) {
        const sha256: unknown = disk?.image?.sha256;
        if (!fits(Sha256Schema, sha256)) continue;
        const given = { cell, sha256, given_at: created_at };
        await db
          .insertInto("given_files")
          .values(given)
          .onConflict((c) => c.doNothing())
          .execute();
      }
    }
  },
};

export const wasGiven = async (db: Kysely<Database>, cell: CellId, sha256: Sha256): Promise<boolean> =>
  (await db
    .selectFrom("given_files")
    .select("cell")
    .where("cell", "=", cell)
    .where("sha256", "=", sha256)
    .executeTakeFirst()) !== undefined;

export interface GivenDeps {
  readonly db: Kysely<Database>;
  readonly journal: Pick<Journal, "write">;
  readonly clock: Clock;
}

/** Before the cell hears of it: what it may have is written down, whatever happens then. */
export const noteGiven = async ({ db, journal, clock }: GivenDeps, cell: CellId, sha256: Sha256): Promise<void> => {
  if (await wasGiven(db, cell, sha256)) return;
  const given = { cell, sha256, given_at: timestamp(clock.now()) };
  await journal.write((trx) =>
    trx
      .insertInto("given_files")
      .values(given)
      .onConflict((c) => c.doNothing())
      .execute(),
  );
};

/** Of a cell that is no more. */
export const forgetGiven = async (db: Kysely<Database>, cell: CellId): Promise<void> => {
  await db.deleteFrom("given_files").where("cell", "=", cell).execute();
};
