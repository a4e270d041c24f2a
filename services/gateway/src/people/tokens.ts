/** Bearer tokens: named, expiring, at most as powerful as who makes them, shown once. */
import type { Handler } from "@nano/bus";
import {
  type Actor,
  isPermission,
  limits,
  NanoError,
  type NanoEvent,
  type Permission,
  type Timestamp,
  type Token,
  type TokenId,
  timestamp,
} from "@nano/contract";
import { enqueue, once } from "@nano/store";
import { type HeldPermissions, holds, readPermissions } from "./recognize.ts";
import { derivedTokenSecret, hashOf, newTokenSecret } from "./secrets.ts";
import type { PeopleContext } from "./sessions.ts";
import { countTokens, deleteToken, insertToken, listTokens, type TokenRow } from "./store.ts";

const defaultDays = 90;
const dayMs = 24 * 3_600_000;

const tokenOf = (row: TokenRow): Token => ({
  id: row.id as TokenId,
  name: row.name,
  permissions: [...readPermissions(row.permissions)],
  createdAt: row.created_at as Timestamp,
  expiresAt: row.expires_at as Timestamp,
  ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at as Timestamp }),
});

/** @throws NanoError `invalid-input` for an unknown permission, `forbidden` for one the maker does not hold. */
const granted = (asked: readonly string[] | undefined, maker: Actor): HeldPermissions => {
  if (asked === undefined) return maker.permissions;
  const known = asked.filter((p): p is Permission | "*" => p === "*" || isPermission(p));
  if (known.length < asked.length)
    throw new NanoError("invalid-input", "Creating a token: permissions: there is no such permission", {
      details: {
        fields: asked.flatMap((p, i) =>
          p === "*" || isPermission(p) ? [] : [{ path: `/permissions/${i}`, message: "There is no such permission" }],
        ),
      },
    });
  const beyond = known.find((permission) => !holds(maker.permissions, permission));
  if (beyond !== undefined)
    throw new NanoError("forbidden", `${maker.name} cannot give a token what ${maker.name} may not do`, {
      details: { permission: beyond },
    });
  return [...new Set(known)];
};

type TokenOperations = "token.list" | "token.create" | "token.delete";

export const tokenHandlers = (people: PeopleContext): { readonly [N in TokenOperations]: Handler<N> } => {
  const { db, clock } = people;
  const event = (name: NanoEvent["name"], id: string, actor: Actor, requestId: string): NanoEvent => ({
    name,
    id,
    at: timestamp(clock.now()),
    actor: actor.name,
    requestId,
    data: {},
  });

  return {
    "token.list": async ({ limit = limits.page.default, cursor }, { actor }) => {
      const rows = await listTokens(db, actor.id, limit + 1, cursor);
      const items = rows.slice(0, limit).map(tokenOf);
      const last = items.at(-1);
      return {
        items,
        total: await countTokens(db, actor.id),
        ...(rows.length > limit && last ? { next: last.id } : {}),
      };
    },

    "token.create": async (input, { actor, idempotencyKey, requestId }) => {
      if (actor.kind === "service")
        throw new NanoError("forbidden", "Creating a token: tokens belong to people, and a service asked for itself");
      const permissions = granted(input.permissions, actor);
      const fresh = newTokenSecret(people.random);
      /** What `once` keeps for a repeated request is the token's record; the secret is made again, not kept. */
      const secretOf = (tokenId: string) =>
        idempotencyKey === undefined ? fresh : derivedTokenSecret(people.key, tokenId, idempotencyKey);
      const now = clock.now();
      const request = { key: idempotencyKey, actor: actor.id, operation: "token.create", input, now };
      const token = await once(db, request, async (trx) => {
        const id = Bun.randomUUIDv7();
        const row: TokenRow = {
          id,
          owner_id: actor.id,
          name: input.name,
          hash: hashOf(secretOf(id)),
          permissions: JSON.stringify(permissions),
          created_at: timestamp(now),
          expires_at: timestamp(now + (input.expiresInDays ?? defaultDays) * dayMs),
          last_used_at: null,
        };
        await insertToken(trx, row);
        await enqueue(trx, event("token.created", id, actor, requestId));
        return tokenOf(row);
      });
      people.committed();
      return { token, secret: secretOf(token.id) };
    },

    "token.delete": async ({ id }, { actor, requestId }) => {
      await db.transaction().execute(async (trx) => {
        if (!(await deleteToken(trx, actor.id, id)))
          throw new NanoError("token-not-found", "Deleting a token: you have no such token", {
            details: { token: id },
          });
        await enqueue(trx, event("token.deleted", id, actor, requestId));
      });
      people.committed();
      return {};
    },
  };
};
