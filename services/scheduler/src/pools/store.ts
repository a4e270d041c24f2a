/** The table `pools`. Nothing else touches it. */
import type { PoolName, Timestamp } from "@nano/contract";
import { prepared } from "@nano/store";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { Database } from "../database.ts";

export interface PoolTable {
  name: PoolName;
  description: string;
  created_at: Timestamp;
  revision: number;
}

export const poolMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("pools")
      .addColumn("name", "text", (c) => c.primaryKey())
      .addColumn("description", "text", (c) => c.notNull())
      .addColumn("created_at", "text", (c) => c.notNull())
      .addColumn("revision", "integer", (c) => c.notNull())
      .execute();
  },
};

const byName = prepared((db: Kysely<Database>, { name }: { name: PoolName }) =>
  db.selectFrom("pools").selectAll().where("name", "=", name),
);

export const findPool = async (db: Kysely<Database>, name: PoolName): Promise<PoolTable | undefined> =>
  (await byName(db, { name }))[0];

/** All of them, by name: a zone has few. */
export const listPools = (db: Kysely<Database>): Promise<PoolTable[]> =>
  db.selectFrom("pools").selectAll().orderBy("name").execute();

export const insertPool = async (db: Kysely<Database>, pool: PoolTable): Promise<void> => {
  await db.insertInto("pools").values(pool).execute();
};

export const deletePool = async (db: Kysely<Database>, name: PoolName): Promise<void> => {
  await db.deleteFrom("pools").where("name", "=", name).execute();
};
