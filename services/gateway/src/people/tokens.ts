/**
 * Bearer tokens: named, expiring, at most as powerful as who makes them, shown once. A token that is made with a token
 * is that one's child: it can do no more, lives no longer, and ends with it.
 */
import type { Handler, RequestContext } from "@nano/bus";
import {
  type Actor,
  isPermission,
  limits,
  NanoError,
  type NanoEvent,
  type Permission,
  pageCarries,
  type Timestamp,
  type Token,
  type TokenId,
  timestamp,
  tokenCredential,
  tokenOf,
} from "@nano/contract";
import { enqueue, once } from "@nano/store";
import { type HeldPermissions, holds, readPermissions } from "./recognize.ts";
import { derivedTokenSecret, hashOf, newTokenSecret } from "./secrets.ts";
import type { PeopleContext } from "./sessions.ts";
import { countTokens, deleteTokens, familyOf, findTokenById, insertToken, listTokens, type TokenRow } from "./store.ts";

const defaultDays = 90;
const dayMs = 24 * 3_600_000;

const viewOf = (row: TokenRow): Token => ({
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

const tokenEvent = (
  { clock }: PeopleContext,
  name: NanoEvent["name"],
  id: string,
  { actor, requestId }: Pick<RequestContext, "actor" | "requestId">,
): NanoEvent => ({ name, id, at: timestamp(clock.now()), actor: actor.name, requestId, data: { owner: actor.id } });

/**
 * Deletes a token and all that were made with it. A token may do that to itself, to those it made, and to those that
 * may do no more than it may.
 * @returns the credentials that are no more
 * @throws NanoError `token-not-found`, `forbidden`
 */
export const revoke = async (
  people: PeopleContext,
  id: string,
  context: Pick<RequestContext, "actor" | "requestId">,
): Promise<string[]> => {
  const { actor } = context;
  const revoked = await people.db.transaction().execute(async (trx) => {
    const token = await findTokenById(trx, id);
    if (token?.owner_id !== actor.id)
      throw new NanoError("token-not-found", "Deleting a token: you have no such token", { details: { token: id } });
    const asker = tokenOf(actor);
    if (asker !== undefined && !(await familyOf(trx, asker)).includes(id)) {
      const beyond = readPermissions(token.permissions).find((permission) => !holds(actor.permissions, permission));
      if (beyond !== undefined)
        throw new NanoError(
          "forbidden",
          `Deleting the token '${token.name}': it may do more than the token that asks`,
          {
            details: { permission: beyond },
            remedy: "Log in, or use a token that may do as much.",
          },
        );
    }
    const family = await familyOf(trx, id);
    await deleteTokens(trx, family);
    for (const one of family) await enqueue(trx, tokenEvent(people, "token.deleted", one, context));
    return family;
  });
  people.committed();
  return revoked.map(tokenCredential);
};

type TokenOperations = "token.list" | "token.create" | "token.delete";

export const tokenHandlers = (people: PeopleContext): { readonly [N in TokenOperations]: Handler<N> } => {
  const { db, clock } = people;
  return {
    "token.list": async ({ limit = limits.page.default, cursor }, { actor }) => {
      const rows = await listTokens(db, actor.id, limit + 1, cursor);
      const items = pageCarries(rows.slice(0, limit).map(viewOf));
      const last = items.at(-1);
      return {
        items,
        total: await countTokens(db, actor.id),
        ...(rows.length > items.length && last ? { next: last.id } : {}),
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
      const parentId = tokenOf(actor);
      // What repeats a request gets the secret again: another token of the same person must not.
      const asker = parentId === undefined ? actor.id : `${actor.id}/${parentId}`;
      const request = { key: idempotencyKey, actor: asker, operation: "token.create", input, now };
      const token = await once(db, request, async (trx) => {
        const parent = parentId === undefined ? undefined : await findTokenById(trx, parentId);
        if (parentId !== undefined && parent === undefined)
          throw new NanoError("unauthenticated", "Creating a token: the token it was asked for with is no more");
        const wanted = timestamp(now + (input.expiresInDays ?? defaultDays) * dayMs);
        const id = Bun.randomUUIDv7();
        const row: TokenRow = {
          id,
          owner_id: actor.id,
          name: input.name,
          hash: hashOf(secretOf(id)),
          permissions: JSON.stringify(permissions),
          created_at: timestamp(now),
          expires_at: parent && parent.expires_at < wanted ? parent.expires_at : wanted,
          last_used_at: null,
          parent_id: parent?.id ?? null,
          expiry_told: 0,
        };
        await insertToken(trx, row);
        await enqueue(trx, tokenEvent(people, "token.created", id, { actor, requestId }));
        return viewOf(row);
      });
      people.committed();
      return { token, secret: secretOf(token.id) };
    },

    "token.delete": async ({ id }, context) => {
      people.ended(await revoke(people, id, context));
      return {};
    },
  };
};
