import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NanoEvent, silentLog } from "@nano/contract";
import type { Kysely } from "kysely";
import {
  DatabaseError,
  enqueue,
  type IdempotencyTable,
  idempotencyMigration,
  isUniqueViolation,
  type OutboxTable,
  once,
  openDatabase,
  outboxMigration,
  startOutbox,
} from "./index.ts";

interface Tables extends OutboxTable, IdempotencyTable {
  thing: { name: string; size: number };
}
const migrations = {
  "001-outbox": outboxMigration,
  "002-idempotency": idempotencyMigration,
  "003-thing": {
    up: (db: Kysely<never>) =>
      db.schema
        .createTable("thing")
        .addColumn("name", "text", (c) => c.primaryKey())
        .addColumn("size", "integer", (c) => c.notNull())
        .execute(),
  },
};
let directory: string;
let url: string;
const open = (which: Parameters<typeof openDatabase>[0]["migrations"] = migrations) =>
  openDatabase<Tables>({ url, migrations: which, log: silentLog });
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-store-"));
  url = `sqlite:${join(directory, "deep", "test.db")}`;
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("opening", () => {
  test("keeps rows over a restart, and migrates once", async () => {
    const first = await open();
    await first.insertInto("thing").values({ name: "a", size: 1 }).execute();
    await first.destroy();
    const second = await open();
    expect(await second.selectFrom("thing").selectAll().execute()).toEqual([{ name: "a", size: 1 }]);
    const changed = await second.updateTable("thing").set({ size: 2 }).where("name", "=", "a").executeTakeFirst();
    expect(changed.numUpdatedRows).toBe(1n);
    expect(
      await second.insertInto("thing").values({ name: "b", size: 3 }).returning("name").executeTakeFirst(),
    ).toEqual({ name: "b" });
    await second.destroy();
  });

  test("tells a unique violation from other failures", async () => {
    const db = await open();
    await db.insertInto("thing").values({ name: "a", size: 1 }).execute();
    const failure = await db
      .insertInto("thing")
      .values({ name: "a", size: 1 })
      .execute()
      .catch((error) => error);
    expect(isUniqueViolation(failure)).toBe(true);
    expect(isUniqueViolation(new Error("other"))).toBe(false);
    await db.destroy();
  });

  test("refuses a newer schema, a damaged file, another engine", async () => {
    await (await open({ ...migrations, "999-future": { up: async () => {} } })).destroy();
    expect(open()).rejects.toThrow(/newer Nano/);
    expect(openDatabase({ url: "mysql://user:pw@x/y", migrations, log: silentLog })).rejects.toThrow(DatabaseError);
    const path = join(directory, "damaged.db");
    await writeFile(path, "SQLite format 3\0 and then nothing of the kind".padEnd(8_192, "x"));
    expect(openDatabase({ url: `sqlite:${path}`, migrations, log: silentLog })).rejects.toThrow();
    await truncate(path, 100);
    expect(openDatabase({ url: `sqlite:${path}`, migrations, log: silentLog })).rejects.toThrow();
  });

  test("alone: a second process is refused, waits for the first to end, and is not kept out by a dead one", async () => {
    const alone = (aloneWithinMs: number) => openDatabase<Tables>({ url, migrations, log: silentLog, aloneWithinMs });
    const first = await alone(0);
    await expect(alone(0)).rejects.toThrow("Another process");
    const second = alone(10_000);
    await Bun.sleep(100);
    await first.destroy();
    await (await second).destroy();

    const bare = { url: `sqlite:${join(directory, "bare.db")}`, migrations: {}, log: silentLog };
    const program = `import { openDatabase } from "${join(import.meta.dir, "index.ts")}";
      const log = { info() {}, warn() {}, error() {} };
      const db = await openDatabase({ url: ${JSON.stringify(bare.url)}, migrations: {}, log, aloneWithinMs: 0 });
      await db.schema.createTable("left").addColumn("behind", "text").execute();
      console.log("held");
      await Bun.sleep(60_000);`;
    const other = Bun.spawn(["bun", "-e", program], { stdout: "pipe", stderr: "ignore", cwd: import.meta.dir });
    expect(new TextDecoder().decode((await other.stdout.getReader().read()).value)).toBe("held\n");
    await expect(openDatabase<Tables>({ ...bare, aloneWithinMs: 0 })).rejects.toThrow("Another process");
    other.kill("SIGKILL");
    await other.exited;
    const next = await openDatabase<{ left: { behind: string } }>({ ...bare, aloneWithinMs: 1_000 });
    expect(await next.selectFrom("left").selectAll().execute()).toEqual([]);
    await next.destroy();
  });

  test("a transaction that fails leaves nothing", async () => {
    const db = await open();
    await db
      .transaction()
      .execute(async (transaction) => {
        await transaction.insertInto("thing").values({ name: "a", size: 1 }).execute();
        throw new Error("no");
      })
      .catch(() => {});
    expect(await db.selectFrom("thing").selectAll().execute()).toEqual([]);
    await db.destroy();
  });
});

const event = (n: number): NanoEvent => ({
  name: "pool.created",
  id: "p",
  at: "2026-11-23T09:20:00.000Z",
  data: { n },
});
const until = async (holds: () => boolean | Promise<boolean>) => {
  for (let i = 0; i < 500 && !(await holds()); i++) await Bun.sleep(10);
  expect(await holds()).toBe(true);
};

describe("the outbox", () => {
  test("publishes in order what was committed, and nothing else", async () => {
    const db = await open();
    const told: unknown[] = [];
    const outbox = startOutbox({ db, emit: async (e) => told.push(e.data.n), log: silentLog });
    for (let n = 0; n < 300; n++) await db.transaction().execute((transaction) => enqueue(transaction, event(n)));
    await db
      .transaction()
      .execute(async (transaction) => {
        await enqueue(transaction, event(-1));
        throw new Error("rolled back");
      })
      .catch(() => {});
    outbox.kick();
    await until(() => told.length === 300);
    expect(told).toEqual(Array.from({ length: 300 }, (_, n) => n));
    await outbox.stop();
    await db.destroy();
  });

  test("one event that the stream never takes does not keep the others", async () => {
    const db = await open();
    const told: unknown[] = [];
    const errors: string[] = [];
    const outbox = startOutbox({
      db,
      emit: async (e) => {
        if (e.data.n === 0) throw new Error("maximum payload exceeded");
        if (!told.includes(e.data.n)) told.push(e.data.n);
      },
      log: { ...silentLog, error: (message) => errors.push(message) },
    });
    for (let n = 0; n < 3; n++) await enqueue(db, event(n));
    outbox.kick();
    await until(async () => (await db.selectFrom("outbox").selectAll().execute()).length === 0);
    expect(told).toEqual([1, 2]);
    expect(errors).toHaveLength(1);
    await enqueue(db, event(3));
    outbox.kick();
    await until(() => told.includes(3));
    await outbox.stop();
    await db.destroy();
  });

  test("keeps what the bus does not take, over a restart, under the same id", async () => {
    const first = await open();
    const ids: string[] = [];
    const away = startOutbox({
      db: first,
      emit: async (_, id) => {
        ids.push(id);
        throw new Error("no bus");
      },
      log: silentLog,
    });
    await enqueue(first, event(1));
    away.kick();
    await until(() => ids.length > 0);
    await away.stop();
    await first.destroy();
    const second = await open();
    const later: string[] = [];
    const back = startOutbox({ db: second, emit: async (_, id) => later.push(id), log: silentLog });
    await until(() => later.length === 1);
    expect(later[0]).toBe(ids[0] ?? "");
    await until(async () => (await second.selectFrom("outbox").selectAll().execute()).length === 0);
    await back.stop();
    await second.destroy();
  });
});

describe("an idempotency key", () => {
  const request = (key: string, input: unknown, actor = "ann") => ({
    key,
    actor,
    operation: "thing.create",
    input,
    now: 1_000,
  });
  const create =
    (db: Kysely<Tables>, name: string) =>
    (transaction: Parameters<Parameters<ReturnType<Kysely<Tables>["transaction"]>["execute"]>[0]>[0]) =>
      transaction
        .insertInto("thing")
        .values({ name, size: 0 })
        .execute()
        .then(() => ({ name, db: typeof db }));

  test("gives the same answer and one effect, fifty times at once", async () => {
    const db = await open();
    let effects = 0;
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => once(db, request("k", { b: 1, a: 2 }), async () => ({ n: ++effects }))),
    );
    expect(new Set(answers.map(({ n }) => n)).size).toBe(1);
    expect(await once(db, request("k", { a: 2, b: 1 }), async () => ({ n: -1 }))).toEqual(answers[0] ?? { n: 0 });
    await db.destroy();
  });

  test("is refused for another input, is another for another person, and forgets failures", async () => {
    const db = await open();
    await once(db, request("k", { name: "a" }), create(db, "a"));
    expect(once(db, request("k", { name: "b" }), create(db, "b"))).rejects.toThrow(/another one/);
    await once(db, request("k", { name: "c" }, "bob"), create(db, "c"));
    expect(once(db, request("x", { name: "a" }), create(db, "a"))).rejects.toThrow();
    await once(db, request("x", { name: "a" }), create(db, "d"));
    expect((await db.selectFrom("thing").select("name").orderBy("name").execute()).map(({ name }) => name)).toEqual([
      "a",
      "c",
      "d",
    ]);
    await db.destroy();
  });
});
