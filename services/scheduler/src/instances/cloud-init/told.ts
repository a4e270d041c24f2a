/**
 * The table `told`: a generated password, to be told again to who repeats their request because its answer was lost. It
 * is kept for ten minutes and sealed by the request's idempotency key, which is stored nowhere: only who made the
 * request can open it, and the database tells nothing.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { Database } from "../../database.ts";

export interface ToldTable {
  /** SHA-256 of who asked and the key. */
  scope: string;
  /** Base64: nonce, ciphertext and tag of AES-256-GCM. */
  sealed: string;
  /** Milliseconds since the epoch. */
  until: number;
}

export const toldMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("told")
      .addColumn("scope", "text", (c) => c.primaryKey())
      .addColumn("sealed", "text", (c) => c.notNull())
      .addColumn("until", "bigint", (c) => c.notNull())
      .execute();
  },
};

export const tellAgainMs = 10 * 60_000;

export interface Request {
  readonly key?: string | undefined;
  /** Its id. */
  readonly actor: string;
}

const nonceBytes = 12;
const tagBytes = 16;
const scopeOf = ({ actor }: Request, key: string): string =>
  new Bun.CryptoHasher("sha256").update(JSON.stringify(["told", actor, key])).digest("hex");
const sealingKey = ({ actor }: Request, key: string): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", key, actor, "generated password", 32));

/** In the transaction of the request's effect. Without a key there is nobody who could ask again. */
export const keepTold = async (db: Kysely<Database>, request: Request, secret: string, now: number): Promise<void> => {
  await forgetTold(db, now);
  if (request.key === undefined) return;
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", sealingKey(request, request.key), nonce);
  const sealed = Buffer.concat([nonce, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
  await db
    .insertInto("told")
    .values({ scope: scopeOf(request, request.key), sealed: sealed.toString("base64"), until: now + tellAgainMs })
    .execute();
};

/** What was told to the same actor for the same key within the last ten minutes. */
export const tellAgain = async (db: Kysely<Database>, request: Request, now: number): Promise<string | undefined> => {
  if (request.key === undefined) return undefined;
  const row = await db
    .selectFrom("told")
    .select("sealed")
    .where("scope", "=", scopeOf(request, request.key))
    .where("until", ">", now)
    .executeTakeFirst();
  if (!row) return undefined;
  const bytes = Buffer.from(row.sealed, "base64");
  const opener = createDecipheriv("aes-256-gcm", sealingKey(request, request.key), bytes.subarray(0, nonceBytes));
  opener.setAuthTag(bytes.subarray(-tagBytes));
  return opener.update(bytes.subarray(nonceBytes, -tagBytes), undefined, "utf8") + opener.final("utf8");
};

export const forgetTold = async (db: Kysely<Database>, now: number): Promise<void> => {
  await db.deleteFrom("told").where("until", "<=", now).execute();
};
