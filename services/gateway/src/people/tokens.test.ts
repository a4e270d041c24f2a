/** What a token may do about tokens: it makes none that outlive it or do more, and ends none that may do more. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Permission, Token } from "@nano/contract";
import { movableClock, startWorld, type World } from "../testing.ts";

const day = 24 * 3_600_000;
const clock = movableClock();
let world: World;
let session: string;
beforeAll(async () => {
  world = await startWorld({ parts: { clock } });
  session = await world.setUp();
});
afterAll(() => world[Symbol.asyncDispose]());

interface Made {
  readonly token: Token;
  readonly secret: string;
}
interface Wanted {
  name?: string;
  permissions?: (Permission | "*")[];
  expiresInDays?: number;
}
const ask = (method: string, path: string, bearer: string, body?: unknown, headers: Record<string, string> = {}) =>
  world.json(method, path, body, { bearer, headers });
const make = async (bearer: string, wanted: Wanted = {}, headers: Record<string, string> = {}): Promise<Made> => {
  const response = await ask("POST", "/api/v2/tokens", bearer, { name: "t", ...wanted }, headers);
  expect(response.status).toBe(201);
  return (await response.json()) as Made;
};
const revoke = async (bearer: string, { token }: Made) =>
  (await ask("DELETE", `/api/v2/tokens/${token.id}`, bearer)).status;
const works = async ({ secret }: Made) => (await ask("GET", "/api/v2/session", secret)).status === 200;

describe("a token's children", () => {
  test("live no longer than it, and do no more", async () => {
    const parent = await make(session, { permissions: ["token.own", "pool.read"], expiresInDays: 1 });
    const child = await make(parent.secret, { expiresInDays: 3_650 });
    expect(child.token.expiresAt).toBe(parent.token.expiresAt);
    expect(child.token.permissions).toEqual(["token.own", "pool.read"]);
    expect((await make(parent.secret)).token.expiresAt).toBe(parent.token.expiresAt);
    const grandchild = await make(child.secret, { permissions: ["token.own"], expiresInDays: 90 });
    expect(grandchild.token.expiresAt).toBe(parent.token.expiresAt);
    const more = await ask("POST", "/api/v2/tokens", grandchild.secret, { name: "more", permissions: ["pool.read"] });
    expect(more.status).toBe(403);
    clock.advance(day + 1_000);
    for (const token of [parent, child, grandchild]) expect(await works(token)).toBe(false);
    session = await world.logIn();
  });

  test("end with it, and theirs with them", async () => {
    const parent = await make(session);
    const child = await make(parent.secret);
    const grandchild = await make(child.secret);
    const other = await make(session);
    expect(await revoke(session, parent)).toBe(204);
    for (const token of [parent, child, grandchild]) expect(await works(token)).toBe(false);
    expect(await works(other)).toBe(true);
    const { items } = Object(await (await ask("GET", "/api/v2/tokens?limit=500", session)).json());
    const ids = items.map(({ id }: Token) => id);
    for (const { token } of [parent, child, grandchild]) expect(ids).not.toContain(token.id);
  });

  test("of a session outlive it: that is what they are for", async () => {
    const own = await world.logIn();
    const token = await make(own);
    await ask("DELETE", "/api/v2/session", own);
    expect(await works(token)).toBe(true);
  });
});

describe("a token revokes", () => {
  test("itself, what it made, and what may do no more; nothing that may do more", async () => {
    const strong = await make(session);
    const weak = await make(session, { permissions: ["token.own", "pool.read"] });
    const weaker = await make(session, { permissions: ["pool.read"] });
    const child = await make(weak.secret);
    expect(await revoke(weak.secret, strong)).toBe(403);
    expect(await works(strong)).toBe(true);
    expect(await revoke(child.secret, strong)).toBe(403);
    expect(await revoke(weak.secret, child)).toBe(204);
    expect(await revoke(weak.secret, weaker)).toBe(204);
    expect(await revoke(weak.secret, weak)).toBe(204);
    expect(await works(weak)).toBe(false);
    expect(await revoke(strong.secret, await make(session))).toBe(204);
  });

  test("itself by logging out, without any permission", async () => {
    const token = await make(session, { permissions: [] });
    expect((await ask("DELETE", "/api/v2/session", token.secret)).status).toBe(204);
    expect(await works(token)).toBe(false);
  });
});

test("a session that comes as bearer ends by logging out", async () => {
  const own = await world.logIn();
  expect((await ask("DELETE", "/api/v2/session", own)).status).toBe(204);
  expect((await ask("GET", "/api/v2/session", own)).status).toBe(401);
});

test("a weak token does not get a strong one's secret by repeating its request", async () => {
  const headers = { "idempotency-key": "deploy" };
  const weak = await make(session, { permissions: ["token.own"] });
  const strong = await make(session, { name: "same" }, headers);
  const repeated = await make(weak.secret, { name: "same" }, headers);
  expect(repeated.token.id).not.toBe(strong.token.id);
  expect(repeated.secret).not.toBe(strong.secret);
  expect(repeated.token.permissions).toEqual(["token.own"]);
  expect((await make(session, { name: "same" }, headers)).secret).toBe(strong.secret);
});
