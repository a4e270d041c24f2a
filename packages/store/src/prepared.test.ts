import { expect, test } from "bun:test";
import { silentLog } from "@nano/contract";
import type { Kysely } from "kysely";
import { openDatabase } from "./database.ts";
import { prepared } from "./prepared.ts";

interface Things {
  things: { id: string; size: number; note: string | null };
}

const migrations = {
  "1": {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("things")
        .addColumn("id", "text", (c) => c.primaryKey())
        .addColumn("size", "integer", (c) => c.notNull())
        .addColumn("note", "text")
        .execute();
    },
  },
};
const open = () => openDatabase<Things>({ url: "sqlite::memory:", migrations, log: silentLog });

test("is built once for a database and its transactions, and asked with each call's values", async () => {
  let built = 0;
  const insert = prepared((db: Kysely<Things>, thing: Things["things"]) => db.insertInto("things").values(thing));
  const larger = prepared((db: Kysely<Things>, { size, not }: { size: number; not: string }) => {
    built++;
    return db.selectFrom("things").select("id").where("size", ">", size).where("id", "!=", not).where("size", "<", 9);
  });
  const [one, other] = await Promise.all([open(), open()]);
  await insert(one, { id: "a", size: 1, note: null });
  await one.transaction().execute(async (trx) => {
    await insert(trx, { note: "in another order", size: 5, id: "b" });
    expect(await larger(trx, { size: 0, not: "a" })).toEqual([{ id: "b" }]);
  });
  expect(await larger(one, { not: "b", size: 0 })).toEqual([{ id: "a" }]);
  expect(await larger(one, { size: 1, not: "" })).toEqual([{ id: "b" }]);
  expect(await one.selectFrom("things").select("note").orderBy("id").execute()).toEqual([
    { note: null },
    { note: "in another order" },
  ]);
  expect(built).toBe(1);
  expect(await larger(other, { size: 0, not: "" })).toEqual([]);
  expect(built).toBe(2);
  await Promise.all([one.destroy(), other.destroy()]);
});

test("a read beside a transaction never sees what is not committed", async () => {
  const insert = prepared((db: Kysely<Things>, thing: Things["things"]) => db.insertInto("things").values(thing));
  const sized = prepared((db: Kysely<Things>, { size }: { size: number }) =>
    db.selectFrom("things").select("id").where("size", "=", size),
  );
  const db = await open();
  for (const [id, ending] of [
    ["kept", "commit"],
    ["taken back", "rollback"],
  ] as const) {
    const transaction = await db.startTransaction().execute();
    await insert(transaction, { id, size: 1, note: null });
    const beside = sized(db, { size: 1 });
    expect(await sized(transaction, { size: 1 })).toContainEqual({ id });
    await transaction[ending]().execute();
    expect(await beside).toEqual([{ id: "kept" }]);
    expect(await sized(db, { size: 1 })).toEqual([{ id: "kept" }]);
  }
  await db.destroy();
});

test("a statement that fails says so, and works the next time", async () => {
  const insert = prepared((db: Kysely<Things>, thing: Things["things"]) => db.insertInto("things").values(thing));
  const db = await open();
  await insert(db, { id: "a", size: 1, note: null });
  expect(insert(db, { id: "a", size: 1, note: null })).rejects.toThrow("UNIQUE");
  await insert(db, { id: "b", size: 1, note: null });
  await db.destroy();
});
