/**
 * The same key, the same answer, one effect (IETF draft "The Idempotency-Key HTTP Header Field"). The answer is written
 * in the transaction of the effect, under a unique key, so that two simultaneous requests cannot both have it.
 */
import { NanoError } from "@nano/contract";
import type { Kysely, Transaction } from "kysely";
import type { Migration } from "kysely/migration";

export interface IdempotencyTable {
  idempotency: {
    /** Who asked, what for, and the key: other people's keys are other keys. */
    scope: string;
    /** SHA-256 of the input, to notice a key used for something else. */
    input: string;
    answer: string;
    /** Milliseconds since the epoch; swept after `keepMs`. */
    at: number;
  };
}

export const idempotencyMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("idempotency")
      .addColumn("scope", "text", (c) => c.primaryKey())
      .addColumn("input", "text", (c) => c.notNull())
      .addColumn("answer", "text", (c) => c.notNull())
      .addColumn("at", "bigint", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("idempotency_at").on("idempotency").column("at").execute();
  },
};

const keepMs = 24 * 3_600_000;

export interface IdempotentRequest {
  /** Without one the work is simply done. */
  readonly key?: string | undefined;
  readonly actor: string;
  readonly operation: string;
  readonly input: unknown;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, canonical(v)]),
  );
};
const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

interface Scoped {
  readonly operation: string;
  readonly scope: string;
  readonly input: string;
}
const scopeOf = (request: IdempotentRequest, key: string): Scoped => ({
  operation: request.operation,
  scope: sha256(JSON.stringify([request.actor, request.operation, key])),
  input: sha256(JSON.stringify(canonical(request.input))),
});

const earlier = async <T>(db: Kysely<IdempotencyTable>, own: Scoped): Promise<{ answer: T } | undefined> => {
  const row = await db.selectFrom("idempotency").selectAll().where("scope", "=", own.scope).executeTakeFirst();
  if (!row) return undefined;
  if (row.input !== own.input)
    throw new NanoError(
      "idempotency-key-reused",
      `The Idempotency-Key of this ${own.operation} was used for another one`,
    );
  return { answer: JSON.parse(row.answer) as T };
};

/**
 * What was answered the first time, if there was one: to be asked before checks that the first time's effect, or time
 * itself, would fail.
 * @throws NanoError `idempotency-key-reused` when the key came with another input
 */
export const answered = async <DB extends IdempotencyTable, T>(
  db: Kysely<DB>,
  request: IdempotentRequest,
): Promise<{ answer: T } | undefined> =>
  request.key === undefined
    ? undefined
    : earlier<T>(db as unknown as Kysely<IdempotencyTable>, scopeOf(request, request.key));

/**
 * Does the work in the given transaction and keeps its answer, or gives the answer it had the first time. Where several
 * write at once, the loser fails over the unique key: it asks `answered` then.
 * @throws NanoError `idempotency-key-reused` when the key came with another input
 */
export const onceWithin = async <DB extends IdempotencyTable, T>(
  transaction: Transaction<DB>,
  request: IdempotentRequest,
  work: (transaction: Transaction<DB>) => Promise<T>,
): Promise<T> => {
  if (request.key === undefined) return work(transaction);
  const table = transaction as unknown as Transaction<IdempotencyTable>;
  const scoped = scopeOf(request, request.key);
  const before = await earlier<T>(table, scoped);
  if (before) return before.answer;
  const answer = await work(transaction);
  await table
    .deleteFrom("idempotency")
    .where("at", "<", request.now - keepMs)
    .execute();
  const { scope, input } = scoped;
  await table
    .insertInto("idempotency")
    .values({ scope, input, answer: JSON.stringify(answer), at: request.now })
    .execute();
  return answer;
};

/**
 * Does the work in a transaction of its own, or gives the answer it had the first time.
 * @throws NanoError `idempotency-key-reused` when the key came with another input
 */
export const once = async <DB extends IdempotencyTable, T>(
  db: Kysely<DB>,
  request: IdempotentRequest,
  work: (transaction: Transaction<DB>) => Promise<T>,
): Promise<T> => {
  const before = await answered<DB, T>(db, request);
  if (before) return before.answer;
  try {
    return await db.transaction().execute((transaction) => onceWithin(transaction, request, work));
  } catch (error) {
    // The other of two simultaneous requests won, its effect included: this one's was rolled back.
    const winner = await answered<DB, T>(db, request);
    if (winner) return winner.answer;
    throw error;
  }
};
