/**
 * Whose secret is this? What both doors (the REST API here, the portal over `session.resolve`) ask for every request.
 */
import {
  type Actor,
  type Clock,
  isPermission,
  operatorActor,
  type Permission,
  sessionCredential,
  type Timestamp,
  timestamp,
  tokenCredential,
} from "@nano/contract";
import { hashOf, tokenPrefix } from "./secrets.ts";
import {
  findSession,
  findSessionById,
  findToken,
  findTokenById,
  findUser,
  type PeopleDb,
  sessionIdOf,
  touchSession,
  touchToken,
} from "./store.ts";

export const sessionIdleMs = 12 * 3_600_000;
export const sessionLifeMs = 7 * 24 * 3_600_000;
/** How exactly "last used" is kept: a write per request would cost more than the request. */
const touchEveryMs = 60_000;

export interface Recognized {
  readonly actor: Actor;
  readonly expiresAt: Timestamp;
  readonly by: "session" | "token";
}

export type HeldPermissions = Actor["permissions"];
/** Of a stored JSON array, what this version still knows. */
export const readPermissions = (json: string): HeldPermissions => {
  const value: unknown = JSON.parse(json);
  return Array.isArray(value) ? value.filter((p): p is Permission | "*" => p === "*" || isPermission(p)) : [];
};
export const holds = (held: HeldPermissions, permission: Permission | "*"): boolean =>
  held.includes("*") || held.includes(permission);
/** A token can do what it was given, as far as its owner still can. */
const withinOwners = (token: HeldPermissions, owner: HeldPermissions): HeldPermissions =>
  token.includes("*") ? owner : token.filter((permission) => holds(owner, permission));

const user = (id: string, name: string, credential: string, permissions: HeldPermissions): Actor => ({
  kind: "user",
  id,
  name,
  credential,
  permissions,
});

/**
 * `undefined`: unknown, expired, or its owner is gone.
 * @param use whether someone does something, which keeps a session from idling out; an open stream that only looks whether it may go on does not
 */
export const recognize = async (
  db: PeopleDb,
  clock: Clock,
  secret: string,
  use: boolean,
): Promise<Recognized | undefined> => {
  const now = clock.now();
  const hash = hashOf(secret);
  if (secret.startsWith(tokenPrefix)) {
    const token = await findToken(db, hash);
    if (!token || token.expires_at <= timestamp(now)) return undefined;
    const owner =
      token.owner_id === operatorActor.id
        ? { name: operatorActor.name, permissions: operatorActor.permissions }
        : await findUser(db, { id: token.owner_id }).then((row) =>
            row ? { name: row.name, permissions: readPermissions(row.permissions) } : undefined,
          );
    if (!owner) return undefined;
    if (use && (token.last_used_at === null || now - Date.parse(token.last_used_at) > touchEveryMs))
      await touchToken(db, token.id, timestamp(now));
    return {
      actor: user(
        token.owner_id,
        owner.name,
        tokenCredential(token.id),
        withinOwners(readPermissions(token.permissions), owner.permissions),
      ),
      expiresAt: timestamp(Date.parse(token.expires_at)),
      by: "token",
    };
  }
  const session = await findSession(db, hash);
  if (!session) return undefined;
  const lastSeen = Date.parse(session.last_seen_at);
  const ends = Date.parse(session.expires_at);
  if (now >= ends || now - lastSeen >= sessionIdleMs) return undefined;
  const touched = use && now - lastSeen > touchEveryMs;
  if (touched) await touchSession(db, hash, timestamp(now));
  return {
    actor: user(
      session.user_id,
      session.user_name,
      sessionCredential(sessionIdOf(hash)),
      readPermissions(session.user_permissions),
    ),
    expiresAt: timestamp(Math.min(ends, (touched ? now : lastSeen) + sessionIdleMs)),
    by: "session",
  };
};

/** Whether a session or token still is. */
export const isValid = async (db: PeopleDb, clock: Clock, credential: string): Promise<boolean> => {
  const now = clock.now();
  const [kind, id = ""] = credential.split(":");
  if (kind === "token") {
    const token = await findTokenById(db, id);
    return token !== undefined && token.expires_at > timestamp(now);
  }
  const session = kind === "session" ? await findSessionById(db, id) : undefined;
  return (
    session !== undefined &&
    session.expires_at > timestamp(now) &&
    now - Date.parse(session.last_seen_at) < sessionIdleMs
  );
};
