/** Lists of instances: filtered, sorted and paged by the database, from its indexes. */
import type { Input } from "@nano/contract";
import { type Kysely, sql } from "kysely";
import type { Database } from "../database.ts";
import { type Page, pageOf } from "../page.ts";
import { fromRow, type InstanceTable, nameKey, type StoredInstance } from "./store.ts";

type Query = Input<"instance.list">;
const columns = {
  name: "name_key",
  created: "created_at",
  state: "state",
  cores: "cores",
  memory: "memory_mib",
} as const satisfies Record<NonNullable<Query["sort"]>, keyof InstanceTable>;

/** For LIKE: `%` and `_` as themselves. */
const literal = (text: string): string => text.replace(/[\\%_]/g, (c) => `\\${c}`);

export async function listInstances(db: Kysely<Database>, query: Query): Promise<Page<StoredInstance>> {
  const column = columns[query.sort ?? "name"];
  const direction = query.descending === true ? "desc" : "asc";
  let rows = db.selectFrom("instances");
  if (query.pool !== undefined) rows = rows.where("pool", "=", query.pool);
  if (query.cell !== undefined) rows = rows.where("cell", "=", query.cell);
  if (query.state !== undefined) rows = rows.where("state", "=", query.state);
  if (query.search !== undefined && query.search !== "") {
    const inName = `%${literal(nameKey(query.search))}%`;
    rows = rows.where((e) =>
      e.or([
        sql<boolean>`name_key like ${inName} escape '\\'`,
        sql<boolean>`addresses like ${inName} escape '\\'`,
        // Settings are JSON that begins with the tags; a tag holds neither a quote nor a bracket.
        sql<boolean>`lower(settings) like ${`%"tags":[${inName}],"hardware"%`} escape '\\'`,
      ]),
    );
  }
  const page = await pageOf({
    query,
    count: () => rows.select((e) => e.fn.countAll<number>().as("n")).executeTakeFirstOrThrow(),
    rows: (after, limit) => {
      const ordered = rows.selectAll().orderBy(column, direction).orderBy("id", direction).limit(limit);
      if (!after) return ordered.execute();
      const past = direction === "asc" ? sql`>` : sql`<`;
      return ordered.where(sql<boolean>`(${sql.ref(column)}, id) ${past} (${after.value}, ${after.id})`).execute();
    },
    key: (row) => ({ value: row[column], id: row.id }),
  });
  return { ...page, items: page.items.map(fromRow) };
}
