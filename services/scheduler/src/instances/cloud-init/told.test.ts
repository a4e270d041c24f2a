/** A generated password, told again to who lost the answer, and to nobody else. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { silentLog } from "@nano/contract";
import { openDatabase } from "@nano/store";
import type { Kysely } from "kysely";
import { type Database, migrations } from "../../database.ts";
import { keepTold, tellAgain, tellAgainMs } from "./told.ts";

let db: Kysely<Database>;
beforeAll(async () => {
  db = await openDatabase<Database>({ url: "sqlite::memory:", migrations, log: silentLog });
});
afterAll(() => db.destroy());

const now = 1_800_000_000_000;
const request = { key: "key-1", actor: "user-1" };

test("for ten minutes, to the same actor with the same key; what is kept is sealed", async () => {
  await keepTold(db, request, "gW7pQ2mXkT4bRz", now);
  expect(await tellAgain(db, request, now + tellAgainMs - 1)).toBe("gW7pQ2mXkT4bRz");
  expect(await tellAgain(db, { ...request, actor: "user-2" }, now)).toBeUndefined();
  expect(await tellAgain(db, { ...request, key: "key-2" }, now)).toBeUndefined();
  expect(await tellAgain(db, { actor: "user-1" }, now)).toBeUndefined();
  expect(await tellAgain(db, request, now + tellAgainMs)).toBeUndefined();
  const kept = JSON.stringify(await db.selectFrom("told").selectAll().execute());
  for (const secret of ["gW7pQ2mXkT4bRz", "key-1", Buffer.from("gW7pQ2mXkT4bRz").toString("base64")])
    expect(kept).not.toContain(secret);
});

test("nothing is kept without a key, nor longer than it is told", async () => {
  await keepTold(db, { actor: "user-1" }, "kT4bRzgW7pQ2mX", now + tellAgainMs);
  expect(await db.selectFrom("told").selectAll().execute()).toEqual([]);
});
