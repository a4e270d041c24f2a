import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@nano/contract";
import type { Kysely } from "kysely";
import { createWriter, openDatabase, type Writer } from "./index.ts";

interface Tables {
  thing: { name: string; size: number };
}
let directory: string;
let db: Kysely<Tables>;
let writer: Writer<Tables>;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-store-"));
  db = await openDatabase<Tables>({
    url: `sqlite:${join(directory, "test.db")}`,
    migrations: {
      "001": {
        up: (own: Kysely<never>) =>
          own.schema
            .createTable("thing")
            .addColumn("name", "text", (c) => c.primaryKey())
            .addColumn("size", "integer", (c) => c.notNull())
            .execute(),
      },
    },
    log: silentLog,
  });
  writer = createWriter(db);
});
afterEach(async () => {
  await db.destroy();
  await rm(directory, { recursive: true, force: true });
});

const add = (name: string) => writer.write((trx) => trx.insertInto("thing").values({ name, size: 1 }).execute());
const names = async () =>
  (await db.selectFrom("thing").select("name").orderBy("name").execute()).map(({ name }) => name);

test("what is written together is all there, and each write sees those before it", async () => {
  const counts = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      writer.write(async (trx) => {
        await trx
          .insertInto("thing")
          .values({ name: `n-${n}`, size: n })
          .execute();
        return (await trx.selectFrom("thing").select("name").execute()).length;
      }),
    ),
  );
  expect(counts).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
  expect(await names()).toHaveLength(200);
});

test("a write that fails takes back its own changes, all of them, and nobody else's", async () => {
  const failing = writer.write(async (trx) => {
    await trx.insertInto("thing").values({ name: "half", size: 1 }).execute();
    throw new Error("on second thoughts");
  });
  const outcomes = await Promise.allSettled([add("a"), failing, add("b"), add("a"), add("c")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"]);
  expect(await names()).toEqual(["a", "b", "c"]);
  // And it goes on.
  await add("d");
  expect(await names()).toEqual(["a", "b", "c", "d"]);
});

test("a write of its own fails like one among others", async () => {
  await add("a");
  expect(add("a")).rejects.toThrow("UNIQUE");
  await add("b");
  expect(await names()).toEqual(["a", "b"]);
});

test("when the commit fails, everybody is told so", async () => {
  await db.destroy();
  const outcomes = await Promise.allSettled([add("a"), add("b"), add("c")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  db = await openDatabase<Tables>({ url: "sqlite::memory:", migrations: {}, log: silentLog });
});
