/** The table `decisions`: why instances are where they are. Nothing else touches it. */
import { Decision, type DecisionId, type Timestamp } from "@nano/contract";
import { prepared } from "@nano/store";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { fromColumn, toColumn } from "../column.ts";
import type { Database } from "../database.ts";

export interface DecisionTable {
  id: DecisionId;
  at: Timestamp;
  /** JSON: Decision. */
  decision: string;
}

export const decisionMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("decisions")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("at", "text", (c) => c.notNull())
      .addColumn("decision", "text", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("decisions_by_age").on("decisions").columns(["at"]).execute();
  },
};

const insertRow = prepared((db: Kysely<Database>, row: DecisionTable) => db.insertInto("decisions").values(row));

export const insertDecision = async (db: Kysely<Database>, decision: Decision): Promise<void> => {
  await insertRow(db, { id: decision.id, at: decision.at, decision: toColumn(decision) });
};

export const findDecision = async (db: Kysely<Database>, id: DecisionId): Promise<Decision | undefined> => {
  const row = await db.selectFrom("decisions").select("decision").where("id", "=", id).executeTakeFirst();
  return row && fromColumn(Decision, row.decision, `decision ${id}`);
};

/** Forgets those older than this that are not among `inUse`. @returns how many */
export const pruneDecisions = async (
  db: Kysely<Database>,
  olderThan: Timestamp,
  inUse: readonly DecisionId[],
): Promise<number> => {
  const rows = await db.selectFrom("decisions").select("id").where("at", "<", olderThan).execute();
  const used = new Set(inUse);
  const unused = rows.map((row) => row.id).filter((id) => !used.has(id));
  // In portions: a database takes only so many parameters in one statement.
  for (let i = 0; i < unused.length; i += 500)
    await db
      .deleteFrom("decisions")
      .where("id", "in", unused.slice(i, i + 500))
      .execute();
  return unused.length;
};
