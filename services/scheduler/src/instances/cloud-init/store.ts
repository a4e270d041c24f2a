/**
 * The table `cloud_init`: what each instance's guest is told at a first boot, so that its seed drive can be written
 * again. It is apart from the instances' rows so that nothing that shows those can ever show it: it holds the hash of a
 * password.
 */
import { CloudInitSettings, type InstanceId } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { fromColumn, toColumn } from "../../column.ts";
import type { Database } from "../../database.ts";

export interface CloudInitTable {
  id: InstanceId;
  /** JSON: CloudInitSettings. */
  settings: string;
}

export const cloudInitMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("cloud_init")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("settings", "text", (c) => c.notNull())
      .execute();
    await db.schema
      .alterTable("instances")
      .addColumn("agent", "integer", (c) => c.notNull().defaultTo(0))
      .execute();
  },
};

export const findCloudInit = async (db: Kysely<Database>, id: InstanceId): Promise<CloudInitSettings | undefined> => {
  const row = await db.selectFrom("cloud_init").select("settings").where("id", "=", id).executeTakeFirst();
  return row && fromColumn(CloudInitSettings, row.settings, `the cloud-init settings of instance ${id}`);
};

export const insertCloudInit = async (
  db: Kysely<Database>,
  id: InstanceId,
  settings: CloudInitSettings,
): Promise<void> => {
  await db
    .insertInto("cloud_init")
    .values({ id, settings: toColumn(settings) })
    .execute();
};

export const deleteCloudInit = async (db: Kysely<Database>, id: InstanceId): Promise<void> => {
  await db.deleteFrom("cloud_init").where("id", "=", id).execute();
};
