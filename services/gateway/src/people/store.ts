/** The gateway's tables. Times are RFC 3339 text: they sort as they should in every database. Secrets are stored as hashes only. */
import {
  type IdempotencyTable,
  idempotencyMigration,
  type OutboxTable,
  outboxMigration,
  type Queryable,
} from "@nano/store";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

export interface UserRow {
  id: string;
  name: string;
  password_hash: string;
  /** JSON array. */
  permissions: string;
  created_at: string;
}
export interface SessionRow {
  hash: string;
  user_id: string;
  created_at: string;
  last_seen_at: string;
  /** The absolute end, however busy it is. */
  expires_at: string;
}
export interface TokenRow {
  id: string;
  /** A person's id, or `operator` for who holds the operator's credentials. */
  owner_id: string;
  name: string;
  hash: string;
  permissions: string;
  created_at: string;
  expires_at: string;
  last_used_at: string | null;
}
export interface PeopleTables extends OutboxTable, IdempotencyTable {
  users: UserRow;
  /** Holds one row at most: that is what makes the first administrator the only first one, whoever races for it. */
  first_administrator: { one: number; user_id: string };
  /** Holds one row at most: the newest setup link. */
  setup_link: { one: number; hash: string; expires_at: string };
  sessions: SessionRow;
  tokens: TokenRow;
}
export type PeopleDb = Kysely<PeopleTables>;
type Executor = Queryable<PeopleTables>;

const peopleMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("users")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("name", "text", (c) => c.notNull().unique())
      .addColumn("password_hash", "text", (c) => c.notNull())
      .addColumn("permissions", "text", (c) => c.notNull())
      .addColumn("created_at", "text", (c) => c.notNull())
      .execute();
    await db.schema
      .createTable("first_administrator")
      .addColumn("one", "integer", (c) => c.primaryKey())
      .addColumn("user_id", "text", (c) => c.notNull())
      .execute();
    await db.schema
      .createTable("sessions")
      .addColumn("hash", "text", (c) => c.primaryKey())
      .addColumn("user_id", "text", (c) => c.notNull().references("users.id").onDelete("cascade"))
      .addColumn("created_at", "text", (c) => c.notNull())
      .addColumn("last_seen_at", "text", (c) => c.notNull())
      .addColumn("expires_at", "text", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("sessions_by_end").on("sessions").column("expires_at").execute();
    await db.schema
      .createTable("tokens")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("owner_id", "text", (c) => c.notNull())
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("hash", "text", (c) => c.notNull().unique())
      .addColumn("permissions", "text", (c) => c.notNull())
      .addColumn("created_at", "text", (c) => c.notNull())
      .addColumn("expires_at", "text", (c) => c.notNull())
      .addColumn("last_used_at", "text")
      .execute();
    await db.schema.createIndex("tokens_by_owner").on("tokens").columns(["owner_id", "id"]).execute();
  },
};
const setupLinkMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("setup_link")
      .addColumn("one", "integer", (c) => c.primaryKey())
      .addColumn("hash", "text", (c) => c.notNull())
      .addColumn("expires_at", "text", (c) => c.notNull())
      .execute();
  },
};
export const migrations: Readonly<Record<string, Migration>> = {
  "001-outbox": outboxMigration,
  "002-idempotency": idempotencyMigration,
  "003-people": peopleMigration,
  "004-setup-link": setupLinkMigration,
};

export const findUser = (db: Executor, by: { id: string } | { name: string }): Promise<UserRow | undefined> => {
  const query = db.selectFrom("users").selectAll();
  return ("id" in by ? query.where("id", "=", by.id) : query.where("name", "=", by.name)).executeTakeFirst();
};

export const hasAdministrator = async (db: Executor): Promise<boolean> =>
  (await db.selectFrom("first_administrator").select("one").executeTakeFirst()) !== undefined;

/** Claims the first administrator's place. `false`: someone was quicker. */
export const claimSetup = async (db: Executor, userId: string): Promise<boolean> => {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto("first_administrator")
    .values({ one: 1, user_id: userId })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
};

/** Replaces the link before. */
export const keepSetupLink = async (db: Executor, hash: string, expiresAt: string): Promise<void> => {
  await db.deleteFrom("setup_link").execute();
  await db.insertInto("setup_link").values({ one: 1, hash, expires_at: expiresAt }).execute();
};
export const findSetupLink = (db: Executor) => db.selectFrom("setup_link").selectAll().executeTakeFirst();
export const deleteSetupLink = (db: Executor) => db.deleteFrom("setup_link").execute();

export const insertUser = (db: Executor, user: UserRow) => db.insertInto("users").values(user).execute();

export const insertSession = (db: Executor, session: SessionRow) => db.insertInto("sessions").values(session).execute();
export const findSession = (db: Executor, hash: string) =>
  db
    .selectFrom("sessions")
    .innerJoin("users", "users.id", "sessions.user_id")
    .select([
      "sessions.last_seen_at",
      "sessions.expires_at",
      "users.id as user_id",
      "users.name as user_name",
      "users.permissions as user_permissions",
    ])
    .where("sessions.hash", "=", hash)
    .executeTakeFirst();
export const touchSession = (db: Executor, hash: string, at: string) =>
  db.updateTable("sessions").set({ last_seen_at: at }).where("hash", "=", hash).execute();
/** The session's person, if there was such a session. */
export const deleteSession = async (db: Executor, hash: string): Promise<string | undefined> => {
  const row = await db.selectFrom("sessions").select("user_id").where("hash", "=", hash).executeTakeFirst();
  if (row) await db.deleteFrom("sessions").where("hash", "=", hash).execute();
  return row?.user_id;
};
/** Forgets the sessions that ended before `now`, or were last used before `idleSince`. */
export const deleteEndedSessions = (db: Executor, now: string, idleSince: string) =>
  db
    .deleteFrom("sessions")
    .where((where) => where.or([where("expires_at", "<", now), where("last_seen_at", "<", idleSince)]))
    .execute();

export const findToken = (db: Executor, hash: string): Promise<TokenRow | undefined> =>
  db.selectFrom("tokens").selectAll().where("hash", "=", hash).executeTakeFirst();
export const touchToken = (db: Executor, id: string, at: string) =>
  db.updateTable("tokens").set({ last_used_at: at }).where("id", "=", id).execute();
export const insertToken = (db: Executor, token: TokenRow) => db.insertInto("tokens").values(token).execute();
/** Newest first; ids are UUIDv7, so they sort by time. `after` is the id that ended the page before. */
export const listTokens = (db: Executor, ownerId: string, limit: number, after: string | undefined) => {
  const query = db.selectFrom("tokens").selectAll().where("owner_id", "=", ownerId).orderBy("id", "desc").limit(limit);
  return (after === undefined ? query : query.where("id", "<", after)).execute();
};
export const countTokens = async (db: Executor, ownerId: string): Promise<number> => {
  const { count } = await db
    .selectFrom("tokens")
    .select((select) => select.fn.countAll().as("count"))
    .where("owner_id", "=", ownerId)
    .executeTakeFirstOrThrow();
  return Number(count);
};
/** `false`: this owner has no such token. */
export const deleteToken = async (db: Executor, ownerId: string, id: string): Promise<boolean> => {
  const { numDeletedRows } = await db
    .deleteFrom("tokens")
    .where("owner_id", "=", ownerId)
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n;
};
