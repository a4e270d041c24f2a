/**
 * The gateway's tables. Times are RFC 3339 text: they sort as they should in every database. Secrets are stored as
 * hashes only.
 */
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
  /** The token it was made with: it ends with that one. */
  parent_id: string | null;
  /** 1: that it expired has been announced. */
  expiry_told: number;
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
const tokenFamilyMigration: Migration = {
  async up(db) {
    await db.schema.alterTable("tokens").addColumn("parent_id", "text").execute();
    await db.schema
      .alterTable("tokens")
      .addColumn("expiry_told", "integer", (c) => c.notNull().defaultTo(0))
      .execute();
    await db.schema.createIndex("tokens_by_parent").on("tokens").column("parent_id").execute();
    await db.schema.createIndex("tokens_by_end").on("tokens").columns(["expiry_told", "expires_at"]).execute();
  },
};
export const migrations: Readonly<Record<string, Migration>> = {
  "001-outbox": outboxMigration,
  "002-idempotency": idempotencyMigration,
  "003-people": peopleMigration,
  "004-setup-link": setupLinkMigration,
  "005-token-family": tokenFamilyMigration,
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
/** A session's public name: enough of its hash to tell it from others, too little to be one. */
export const sessionIdOf = (hash: string): string => hash.slice(0, 32);
const withSessionId = (db: Executor, id: string) =>
  db.selectFrom("sessions").selectAll().where("hash", ">=", id).where("hash", "<", `${id}g`);
export const findSessionById = (db: Executor, id: string): Promise<SessionRow | undefined> =>
  withSessionId(db, id).executeTakeFirst();
export const deleteSession = (db: Executor, hash: string) =>
  db.deleteFrom("sessions").where("hash", "=", hash).execute();
export const findSessionByHash = (db: Executor, hash: string): Promise<SessionRow | undefined> =>
  db.selectFrom("sessions").selectAll().where("hash", "=", hash).executeTakeFirst();
/** Those whose end has come, or that were last used before `idleSince`. */
export const findEndedSessions = (db: Executor, now: string, idleSince: string): Promise<SessionRow[]> =>
  db
    .selectFrom("sessions")
    .selectAll()
    .where((where) => where.or([where("expires_at", "<=", now), where("last_seen_at", "<=", idleSince)]))
    .limit(1_000)
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
export const findTokenById = (db: Executor, id: string): Promise<TokenRow | undefined> =>
  db.selectFrom("tokens").selectAll().where("id", "=", id).executeTakeFirst();
/** The ids of a token and of all that were made with it, and with those. */
export const familyOf = async (db: Executor, id: string): Promise<string[]> => {
  const family = [id];
  for (let parents = [id]; parents.length > 0; ) {
    const children = await db.selectFrom("tokens").select("id").where("parent_id", "in", parents).execute();
    parents = children.map((child) => child.id);
    family.push(...parents);
  }
  return family;
};
export const deleteTokens = (db: Executor, ids: readonly string[]) =>
  db.deleteFrom("tokens").where("id", "in", ids).execute();
export const findExpiredTokens = (db: Executor, now: string): Promise<TokenRow[]> =>
  db
    .selectFrom("tokens")
    .selectAll()
    .where("expiry_told", "=", 0)
    .where("expires_at", "<=", now)
    .limit(1_000)
    .execute();
export const noteExpiryTold = (db: Executor, ids: readonly string[]) =>
  db.updateTable("tokens").set({ expiry_told: 1 }).where("id", "in", ids).execute();
