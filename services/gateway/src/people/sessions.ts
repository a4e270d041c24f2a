/** Login and logout. The same answer, after the same work, for an unknown name and a wrong password. */
import type { Handler, RequestContext } from "@nano/bus";
import {
  type Clock,
  NanoError,
  type NanoEvent,
  sessionCredential,
  type Timestamp,
  timestamp,
  tokenOf,
  type User,
  type UserId,
} from "@nano/contract";
import { enqueue } from "@nano/store";
import type { Transaction } from "kysely";
import type { Devices } from "./device.ts";
import { createLoginThrottle } from "./login-throttle.ts";
import type { Passwords } from "./passwords.ts";
import { isValid, type Recognized, readPermissions, sessionIdleMs, sessionLifeMs } from "./recognize.ts";
import { hashOf, newSessionSecret, type RandomBytes } from "./secrets.ts";
import {
  deleteSession,
  findSessionByHash,
  findSessionById,
  findUser,
  insertSession,
  type PeopleDb,
  type PeopleTables,
  type SessionRow,
  sessionIdOf,
  type UserRow,
} from "./store.ts";
import { revoke } from "./tokens.ts";

export interface PeopleContext {
  readonly db: PeopleDb;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly passwords: Passwords;
  pause(ms: number): Promise<void>;
  /** Whose secret it is. */
  recognize(secret: string): Promise<Recognized | undefined>;
  /** Signs what must be the same when a request is repeated; never leaves this service. */
  readonly key: Uint8Array;
  readonly devices: Devices;
  /** A transaction is through: what was remembered may be wrong, and what it put into the outbox may go out. */
  committed(): void;
  /** Sessions and tokens that are no more: what they opened ends now. */
  ended(credentials: readonly string[]): void;
  /** A person logged out. */
  onLogout(userId: string): void;
}

const userOf = (row: UserRow): User => ({
  id: row.id as UserId,
  name: row.name,
  permissions: [...readPermissions(row.permissions)],
  createdAt: row.created_at as Timestamp,
});

type SessionOperations = "session.create" | "session.get" | "session.delete" | "session.check" | "session.resolve";

export const userEvent = (
  { clock }: PeopleContext,
  name: NanoEvent["name"],
  user: UserRow,
  context: RequestContext,
): NanoEvent => ({
  name,
  id: user.id,
  at: timestamp(clock.now()),
  actor: user.name,
  requestId: context.requestId,
  data: { name: user.name },
});

/**
 * A new session for someone who has proved who they are.
 *
 * @param device the device cookie the browser has, or empty; undefined for clients that keep none
 */
export const beginSession = async (
  people: PeopleContext,
  trx: Transaction<PeopleTables>,
  user: UserRow,
  context: RequestContext,
  device: string | undefined,
) => {
  const secret = newSessionSecret(people.random);
  const now = people.clock.now();
  await insertSession(trx, {
    hash: hashOf(secret),
    user_id: user.id,
    created_at: timestamp(now),
    last_seen_at: timestamp(now),
    expires_at: timestamp(now + sessionLifeMs),
  });
  await enqueue(trx, userEvent(people, "session.created", user, context));
  return {
    user: userOf(user),
    session: secret,
    expiresAt: timestamp(now + sessionIdleMs),
    // One that is still good is kept: a browser has one limit, however often it logs in.
    ...(device === undefined
      ? {}
      : { device: people.devices.nonceOf(device, user) === undefined ? people.devices.create(user) : device }),
  };
};

/** Forgets a session and announces it. */
export const endSession = async (
  { clock }: Pick<PeopleContext, "clock">,
  trx: Transaction<PeopleTables>,
  session: SessionRow,
  requestId?: string,
): Promise<void> => {
  await deleteSession(trx, session.hash);
  const user = await findUser(trx, { id: session.user_id });
  if (!user) return;
  await enqueue(trx, {
    name: "session.deleted",
    id: user.id,
    at: timestamp(clock.now()),
    actor: user.name,
    ...(requestId === undefined ? {} : { requestId }),
    data: { name: user.name, credential: sessionCredential(sessionIdOf(session.hash)) },
  });
};

export const sessionHandlers = (people: PeopleContext): { readonly [N in SessionOperations]: Handler<N> } => {
  const { db, passwords } = people;
  const logins = createLoginThrottle(people);

  return {
    "session.create": async ({ name, password, device }, context) => {
      const user = await findUser(db, { name });
      const known = device !== undefined && user ? people.devices.nonceOf(device, user) : undefined;
      const attempt = await logins.begin(name, context.clientAddress, known);
      if (!(await passwords.verify(password, user?.password_hash)) || !user)
        throw new NanoError("login-failed", "Logging in: the name is unknown or the password is wrong");
      attempt.succeeded();
      const session = await db.transaction().execute((trx) => beginSession(people, trx, user, context, device));
      people.committed();
      return session;
    },

    "session.get": (_, { actor }) => ({
      kind: actor.kind,
      id: actor.id,
      name: actor.name,
      permissions: [...actor.permissions],
    }),

    "session.delete": async ({ session: secret }, context) => {
      const { actor } = context;
      const token = tokenOf(actor);
      if (secret === undefined && token !== undefined) {
        people.ended(await revoke(people, token, context));
        return {};
      }
      const ended = await db.transaction().execute(async (trx) => {
        const session =
          secret !== undefined
            ? await findSessionByHash(trx, hashOf(secret))
            : actor.credential?.startsWith("session:")
              ? await findSessionById(trx, actor.credential.slice("session:".length))
              : undefined;
        if (session) await endSession(people, trx, session, context.requestId);
        return session;
      });
      if (!ended) return {};
      people.committed();
      people.ended([sessionCredential(sessionIdOf(ended.hash))]);
      people.onLogout(ended.user_id);
      return {};
    },

    "session.check": async ({ credential }) => ({ valid: await isValid(db, people.clock, credential) }),

    "session.resolve": async ({ secret }) => {
      const found = await people.recognize(secret);
      if (!found) throw new NanoError("unauthenticated", "The session or token is unknown or has expired");
      const { kind, id, name, credential, permissions } = found.actor;
      return {
        kind,
        id,
        name,
        permissions: [...permissions],
        ...(credential === undefined ? {} : { credential }),
        expiresAt: found.expiresAt,
      };
    },
  };
};
