/** Lists of instances: filtered, sorted and paged by the database, from its indexes. */
import type { Input } from "@nano/contract";
import { type Kysely, type RawBuilder, type SqlBool, sql } from "kysely";
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

/** In name, addresses or tags. */
const matches = (search: string): RawBuilder<SqlBool> => {
  const pattern = `%${literal(nameKey(search))}%`;
  const like = (column: keyof InstanceTable) => sql`${sql.ref(column)} like ${pattern} escape '\\'`;
  return sql<SqlBool>`(${like("name_key")} or ${like("addresses")} or ${like("tags")})`;
};

export async function listInstances(db: Kysely<Database>, query: Query): Promise<Page<StoredInstance>> {
  const column = columns[query.sort ?? "name"];
  const direction = query.descending === true ? "desc" : "asc";
  let rows = db.selectFrom("instances");
  if (query.pool !== undefined) rows = rows.where("pool", "=", query.pool);
  if (query.cell !== undefined) rows = rows.where("cell", "=", query.cell);
  if (query.state !== undefined) rows = rows.where("state", "=", query.state);
  const search = query.search ?? "";
  const found = search === "" ? rows : rows.where(matches(search));
  // Who fits is read from the index that holds what is searched; in another order than its own, it is asked first.
  const foundFirst =
    search === "" || column === "name_key"
      ? found
      : rows.where("id", "in", db.selectFrom("instances").select("id").where(matches(search)));
  return pageOf({
    query,
    count: () => found.select((e) => e.fn.countAll<number>().as("n")).executeTakeFirstOrThrow(),
    rows: (after, limit) => {
      let chosen = foundFirst.select("id").orderBy(column, direction).orderBy("id", direction).limit(limit);
      if (after) {
        const past = direction === "asc" ? sql`>` : sql`<`;
        chosen = chosen.where(sql<boolean>`(${sql.ref(column)}, id) ${past} (${after.value}, ${after.id})`);
      }
      // Only those that are told are read whole: SQLite keeps the order of a cross join.
      return db
        .selectFrom(chosen.as("chosen"))
        .crossJoin("instances")
        .whereRef("instances.id", "=", "chosen.id")
        .selectAll("instances")
        .orderBy(`instances.${column}`, direction)
        .orderBy("instances.id", direction)
        .execute();
    },
    key: (row) => ({ value: row[column], id: row.id }),
    read: fromRow,
  });
}
