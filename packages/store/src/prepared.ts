/**
 * Queries that are asked all the time, built and compiled once. Kysely makes a query's tree and its text anew whenever
 * it is asked, which takes several times as long as SQLite takes to answer it from an index.
 *
 * A query is described by a function of its parameters. It is called once for each database, with a stand-in for every
 * parameter; the compiled query says where the stand-ins ended up, and from then on only the values are put in their
 * places. One that only reads, while no transaction is under way, is answered at once: Kysely's way to its connection
 * is longer than SQLite's to the row.
 */
import type { Compilable, CompiledQuery, DialectAdapter, Kysely } from "kysely";
import { BunSqliteAdapter } from "./database.ts";

type Parameters = Readonly<Record<string, unknown>>;

class StandIn {
  constructor(readonly name: string) {}
}

/**
 * @param build the query; it may use its parameters as values only, since it never sees what they are. The names of the first call's are those of
 *   every call: none may be left out.
 * @returns runs the query on a database or in a transaction, and gives its rows
 */
export const prepared = <DB, P extends object, Row>(
  build: (db: Kysely<DB>, parameters: P) => Compilable<Row>,
): ((db: Kysely<DB>, parameters: P) => Promise<Row[]>) => {
  // A database and its transactions have one adapter.
  const compiled = new WeakMap<DialectAdapter, CompiledQuery<Row>>();
  const compile = (db: Kysely<DB>, adapter: DialectAdapter, parameters: P): CompiledQuery<Row> => {
    const standIns = Object.fromEntries(Object.keys(parameters).map((name) => [name, new StandIn(name)]));
    const query = build(db, standIns as P).compile();
    compiled.set(adapter, query);
    return query;
  };
  return async (db, parameters) => {
    const { adapter } = db.getExecutor();
    const query = compiled.get(adapter) ?? compile(db, adapter, parameters);
    const values = parameters as Parameters;
    const inPlace = query.parameters.map((value) => (value instanceof StandIn ? values[value.name] : value));
    if (adapter instanceof BunSqliteAdapter && query.query.kind === "SelectQueryNode") {
      const rows = adapter.readNow(query.sql, inPlace);
      if (rows) return rows as Row[];
    }
    const { rows } = await db.executeQuery<Row>({ ...query, parameters: inPlace });
    return rows;
  };
};
