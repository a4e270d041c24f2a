/**
 * One service's database. SQLite in a file today, PostgreSQL by URL tomorrow: what is written against it is Kysely and
 * plain SQL that both understand, and everything particular to SQLite is in this file.
 *
 * SQLite runs in WAL with `synchronous=FULL`: what was committed survives a power failure. There is one connection and
 * Kysely's mutex in front of it, so a transaction must never wait for the network.
 */
import { Database, type Statement } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Log } from "@nano/contract";
import { Kysely, SqliteAdapter, SqliteDialect, type SqliteStatement, type Transaction } from "kysely";
import { type Migration, Migrator } from "kysely/migration";

export type Migrations = Readonly<Record<string, Migration>>;

export interface DatabaseOptions {
  /** `sqlite:<path>` or `sqlite::memory:`. */
  readonly url: string;
  /** By name, applied in alphabetical order, each once. */
  readonly migrations: Migrations;
  readonly log: Log;
  /**
   * Keep every other process out, for as long as this one lives: waits so many milliseconds for the one before to end.
   * The operating system gives the lock back even after `kill -9`. For an engine that is no file this is up to a lease
   * in the database.
   */
  readonly aloneWithinMs?: number;
}

/** The database was written by a newer Nano, is damaged, or its URL is not understood. */
export class DatabaseError extends Error {}

const openSqlite = (path: string, alone: boolean): Database => {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = new Database(path, { create: true, strict: true });
  // Whoever is alone need not lock and unlock the file at every question: those system calls cost more than the answer.
  // Must come before WAL.
  if (alone) database.run("PRAGMA locking_mode = EXCLUSIVE");
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = FULL");
  database.run("PRAGMA busy_timeout = 5000");
  database.run("PRAGMA foreign_keys = ON");
  const check = database.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get();
  if (check?.quick_check !== "ok")
    throw new DatabaseError(`The database ${path} is damaged: ${check?.quick_check}. Restore it from a backup.`);
  return database;
};

/** Holds an exclusive lock of the operating system on a file beside the database. @returns how to let go */
const holdAlone = async (path: string, withinMs: number): Promise<() => void> => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // SQLite's own file locks, on an empty database that nothing else is in.
  const lock = new Database(`${path}.lock`, { create: true, strict: true });
  for (const end = performance.now() + withinMs; ; await Bun.sleep(50)) {
    try {
      lock.run("BEGIN EXCLUSIVE");
      return () => lock.close();
    } catch (cause) {
      if (performance.now() < end) continue;
      lock.close();
      throw new DatabaseError(`Another process works with the database ${path}; stop it first`, { cause });
    }
  }
};

/** Compiled statements that are kept; `database.query` itself keeps only the first 20 it meets. */
const statementsKept = 256;

const compile = (database: Database, sql: string) => {
  const statement = database.prepare(sql);
  const asKysely: SqliteStatement = {
    reader: statement.columnNames.length > 0,
    all: (parameters) => statement.all(...(parameters as never[])),
    run: (parameters) => statement.run(...(parameters as never[])),
    iterate: (parameters) => statement.iterate(...(parameters as never[])) as IterableIterator<unknown>,
  };
  return { statement, asKysely };
};

type Prepare = (sql: string) => SqliteStatement;

/** By their text, so that the same question is compiled once; the one that was used longest ago goes first. */
const keepStatements = (database: Database): { readonly prepare: Prepare; finalize(): void } => {
  const kept = new Map<string, { readonly statement: Statement; readonly asKysely: SqliteStatement }>();
  const prepare: Prepare = (sql) => {
    const known = kept.get(sql);
    const prepared = known ?? compile(database, sql);
    if (known) kept.delete(sql);
    kept.set(sql, prepared);
    if (kept.size > statementsKept) {
      const [oldest] = kept;
      if (oldest) kept.delete(oldest[0]);
      oldest?.[1].statement.finalize();
    }
    return prepared.asKysely;
  };
  return {
    prepare,
    finalize() {
      for (const { statement } of kept.values()) statement.finalize();
    },
  };
};

/** Kysely hands it to everyone who has the database, and knows nothing of what it can do beside. */
export class BunSqliteAdapter extends SqliteAdapter {
  readonly #database: Database;
  readonly #prepare: Prepare;
  constructor(database: Database, prepare: Prepare) {
    super();
    this.#database = database;
    this.#prepare = prepare;
  }
  /**
   * The rows of a query that only reads, past Kysely's queue: SQLite answers within the call, so there is nothing to
   * wait for unless a transaction is under way, whose changes are nobody else's business yet. Then, `undefined`.
   */
  readNow(sql: string, parameters: readonly unknown[]): unknown[] | undefined {
    return this.#database.inTransaction ? undefined : this.#prepare(sql).all(parameters);
  }
}

/**
 * Kysely's dialect was written for better-sqlite3; bun:sqlite has the same methods, and says which statements give rows
 * in another way.
 */
class BunSqliteDialect extends SqliteDialect {
  readonly #adapter: BunSqliteAdapter;
  constructor(database: Database, onClose: () => void) {
    const { prepare, finalize } = keepStatements(database);
    const close = () => {
      finalize();
      database.close();
      onClose();
    };
    super({ database: { prepare, close } });
    this.#adapter = new BunSqliteAdapter(database, prepare);
  }
  override createAdapter(): BunSqliteAdapter {
    return this.#adapter;
  }
}

const openOrLetGo = (path: string, alone: boolean, letGo: () => void): Database => {
  try {
    return openSqlite(path, alone);
  } catch (error) {
    letGo();
    throw error;
  }
};

/**
 * Opens a database and brings its schema up to date.
 * @throws {DatabaseError} for a URL of another engine, a damaged file, one another process holds, or a schema newer than
 *   this program
 */
export const openDatabase = async <DB>(options: DatabaseOptions): Promise<Kysely<DB>> => {
  const path = /^sqlite:(.+)$/.exec(options.url)?.[1];
  if (!path)
    throw new DatabaseError(
      `The database URL ${options.url.replace(/\/\/.*@/, "//…@")} is not understood: use sqlite:<path>`,
    );
  const alone = options.aloneWithinMs !== undefined && path !== ":memory:";
  const letGo = alone ? await holdAlone(path, options.aloneWithinMs) : () => {};
  const database = new Kysely<DB>({ dialect: new BunSqliteDialect(openOrLetGo(path, alone, letGo), letGo) });
  try {
    const migrator = new Migrator({
      db: database,
      provider: { getMigrations: async () => ({ ...options.migrations }) },
    });
    const { error, results } = await migrator.migrateToLatest();
    for (const { migrationName, status } of results ?? [])
      options.log.info("Migrated the database", { migration: migrationName, status });
    if (error) throw error;
    return database;
  } catch (cause) {
    await database.destroy();
    const newer = cause instanceof Error && /corrupted migrations/.test(cause.message);
    throw new DatabaseError(
      newer
        ? `The database ${path} was written by a newer Nano: upgrade this one, or restore an older backup`
        : `Could not bring the database ${path} up to date`,
      { cause },
    );
  }
};

/** What queries run on: the database, or a transaction of it. */
export type Queryable<DB> = Kysely<DB> | Transaction<DB>;

/** Whether a failed write hit a unique index. */
export const isUniqueViolation = (error: unknown): boolean =>
  error instanceof Error &&
  (("code" in error && error.code === "SQLITE_CONSTRAINT_UNIQUE") ||
    ("code" in error && error.code === "SQLITE_CONSTRAINT_PRIMARYKEY") ||
    ("code" in error && error.code === "23505"));

/** Whether a write failed because the volume is full. */
export const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "SQLITE_FULL" || error.code === "53100");

const passing = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|CANTOPEN|READONLY|NOMEM|PROTOCOL|ABORT|INTERRUPT|CONSTRAINT_TRIGGER)/;
/** PostgreSQL's classes: connection, transaction rolled back, resources, intervention by its operator, system. */
const passingPostgres = /^(08|40|53|57|58)[0-9A-Z]{3}$/;

/** Whether the same statement may succeed later: the volume is full or fails, or somebody else holds the database. */
export const isPassingFailure = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  typeof error.code === "string" &&
  (passing.test(error.code) || passingPostgres.test(error.code));
