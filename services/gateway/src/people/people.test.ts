import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { connectBus } from "@nano/bus";
import { anonymousActor, type Log, operatorActor } from "@nano/contract";
import { admin, movableClock, startWorld, type World } from "../testing.ts";

const hour = 3_600_000;

/** Everything the services logged, to look for secrets in. */
const keepingLog = () => {
  const lines: string[] = [];
  const keep = (message: string, facts?: unknown) => void lines.push(`${message} ${Bun.inspect(facts)}`);
  const log: Log = { info: keep, warn: keep, error: keep };
  return { log, lines };
};

type Answer = Record<string, unknown>;
const bodyOf = async (response: Response): Promise<Answer> => ({ ...Object(await response.json()) });

let world: World;
/** Who became the first administrator. */
let winnerName = "";
const clock = movableClock();
const { log, lines } = keepingLog();
beforeAll(async () => {
  world = await startWorld({ log, parts: { clock } });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const logIn = (name: string, password: string, headers: Record<string, string> = {}) =>
  world.json("POST", "/api/v2/sessions", { name, password }, { bearer: "", headers });
const cookieOf = (response: Response): string => (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";

describe("setup", () => {
  const attempt = async (input: Answer) => {
    const response = await world.json("POST", "/api/v2/setup", { ...admin, ...input }, { bearer: "" });
    return { status: response.status, code: (await bodyOf(response)).code };
  };

  test("only the holder of the newest setup link makes the administrator, within a day", async () => {
    const refused = { status: 403, code: "setup-link-invalid" };
    expect(await attempt({})).toEqual({ status: 422, code: "invalid-input" });
    // There was no link yet.
    expect(await attempt({ secret: "x".repeat(43) })).toEqual(refused);
    const first = await world.setupSecret();
    expect(first).toMatch(/^[0-9A-Za-z]{43}$/);
    const second = await world.setupSecret();
    expect(await attempt({ secret: first })).toEqual(refused);
    expect(await attempt({ secret: `${second}x` })).toEqual(refused);
    clock.advance(24 * hour);
    expect(await attempt({ secret: second })).toEqual(refused);
    expect(await bodyOf(await world.request("/api/v2/setup"))).toEqual({ needed: true });
    const database = await Bun.file(join(world.data, "gateway.db")).text();
    for (const secret of [first, second]) expect(database + lines.join("\n")).not.toContain(secret);
  });

  test("a link is for the operator and services, not for people", async () => {
    const web = world.bus.bus("web");
    const person = {
      kind: "user",
      id: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e99",
      name: "eve",
      permissions: ["*"],
    } as const;
    await expect(web.call("setup.link", {}, { actor: person })).rejects.toThrow("may not");
    await expect(web.call("setup.link", {}, { actor: anonymousActor })).rejects.toThrow("needs to know who asks");
    const operator = connectBus({
      url: world.bus.url,
      credentials: await world.bus.credentials("operator"),
      name: "operator",
      version: "0.0.0",
      log,
    });
    const { url, secret } = await operator.call("setup.link", {}, { actor: operatorActor });
    expect(url).toBe(`${world.webUrl}/setup?secret=${secret}`);
    await operator.close();
  });

  test("of 50 at once exactly one becomes the first administrator", async () => {
    const secret = await world.setupSecret();
    expect(await bodyOf(await world.request("/api/v2/setup"))).toEqual({ needed: true });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        world.json("POST", "/api/v2/setup", {
          name: i === 0 ? "admin" : `admin-${i}`,
          password: admin.password,
          secret,
        }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
    expect(await bodyOf(await world.request("/api/v2/setup"))).toEqual({ needed: false });
    const winner = answers.find(({ status }) => status === 201);
    if (!winner) throw new Error("nobody");
    expect(winner.headers.get("location")).toBe("/api/v2/session");
    const { user } = await bodyOf(winner);
    const { name } = Object(user);
    winnerName = String(name);
    expect(await attempt({ secret })).toEqual({ status: 409, code: "setup-done" });
    await expect(world.setupSecret()).rejects.toThrow("created already");
  });
});
describe("sessions", () => {
  test("the cookie is HttpOnly and SameSite=Strict, new at each login, and ends the one before", async () => {
    const first = await logIn(winnerName, admin.password);
    expect(first.status).toBe(201);
    expect(first.headers.get("set-cookie")).toMatch(
      /^nano_session=\w{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=604800$/,
    );
    const old = cookieOf(first);
    const second = await logIn(winnerName, admin.password, { cookie: old, origin: world.webUrl });
    expect(cookieOf(second)).not.toBe(old);
    const whoWasI = await bodyOf(await world.request("/api/v2/session", { headers: { cookie: old } }));
    expect(whoWasI.kind).toBe("anonymous");
    const whoAmI = await bodyOf(await world.request("/api/v2/session", { headers: { cookie: cookieOf(second) } }));
    expect(whoAmI).toMatchObject({ kind: "user", name: winnerName, permissions: ["*"] });
  });

  test("logging out really ends it", async () => {
    const cookie = cookieOf(await logIn(winnerName, admin.password));
    const out = await world.request("/api/v2/session", { method: "DELETE", headers: { cookie, origin: world.webUrl } });
    expect(out.status).toBe(204);
    expect(out.headers.get("set-cookie")).toContain("Max-Age=0");
    expect((await world.request("/api/v2/pools", { headers: { cookie } })).status).toBe(401);
  });

  test("a session ends when it is idle for 12 h, and after 7 days however busy", async () => {
    const idle = cookieOf(await logIn(winnerName, admin.password));
    const busy = cookieOf(await logIn(winnerName, admin.password));
    const status = async (cookie: string) => (await world.request("/api/v2/pools", { headers: { cookie } })).status;
    for (let passed = 0; passed < 7 * 24; passed += 11) {
      expect(await status(busy)).toBe(200);
      clock.advance(11 * hour);
    }
    expect(await status(idle)).toBe(401);
    expect(await status(busy)).toBe(401);
  });

  test("a change with the cookie must come from our own pages", async () => {
    const cookie = cookieOf(await logIn(winnerName, admin.password));
    const create = (headers: Record<string, string>) =>
      world.json("POST", "/api/v2/pools", { name: "a" }, { bearer: "", headers: { cookie, ...headers } });
    for (const headers of [
      {},
      { origin: "http://evil.test" },
      { origin: "null" },
      { origin: `${world.webUrl}.evil.test` },
      { "sec-fetch-site": "cross-site" },
    ])
      expect((await bodyOf(await create(headers))).code).toBe("foreign-origin");
    expect((await create({ origin: world.webUrl })).status).toBe(201);
    expect((await create({ origin: world.gateway.url })).status).toBe(201);
    expect((await create({ "sec-fetch-site": "same-origin" })).status).toBe(201);
    // Another site's page may not log people in, or set the zone up, either.
    expect((await bodyOf(await logIn(winnerName, admin.password, { origin: "http://evil.test" }))).code).toBe(
      "foreign-origin",
    );
  });
});

describe("logging in", () => {
  test("says the same of an unknown name and a wrong password, and slows the guesser down", async () => {
    const wrong = await bodyOf(await logIn(winnerName, "wrong password"));
    const unknown = await bodyOf(await logIn("nobody", "wrong password"));
    expect({ ...wrong, requestId: "" }).toEqual({ ...unknown, requestId: "" });
    expect(wrong.code).toBe("login-failed");
    let limited: Response | undefined;
    for (let i = 0; i < 20 && !limited; i++) {
      const response = await logIn("nobody", `guess ${i}`);
      if (response.status === 429) limited = response;
    }
    expect(Number(limited?.headers.get("retry-after"))).toBeGreaterThan(0);
    clock.advance(60_000);
    // Others, and the right password, were not affected; after a minute the name is free again.
    expect((await logIn(winnerName, admin.password)).status).toBe(201);
    expect((await logIn("nobody", "x")).status).toBe(401);
  });

  test("guesses at many names from one address are limited too", async () => {
    clock.advance(hour);
    const statuses: number[] = [];
    for (let i = 0; i < 30; i++) statuses.push((await logIn(`name-${i}`, "guess")).status);
    expect(statuses).toContain(429);
    expect(statuses.slice(0, 10)).not.toContain(429);
    clock.advance(hour);
  });

  test("successes are not counted", async () => {
    for (let i = 0; i < 12; i++) expect((await logIn(winnerName, admin.password)).status).toBe(201);
  });
});

describe("tokens", () => {
  const session = async () => String((await bodyOf(await logIn(winnerName, admin.password))).session);
  const create = async (bearer: string, input: Answer, headers: Record<string, string> = {}) => {
    const response = await world.json("POST", "/api/v2/tokens", input, { bearer, headers });
    return { response, body: await bodyOf(response) };
  };

  test("work, are listed without their secret, and end when they are deleted or expire", async () => {
    const me = await session();
    const { response, body } = await create(me, { name: "script", expiresInDays: 1 });
    const secret = String(body.secret);
    const { id } = Object(body.token);
    expect(secret).toMatch(/^nano_[0-9A-Za-z]{43}$/);
    expect(response.headers.get("location")).toBe(`/api/v2/tokens/${id}`);
    expect((await world.json("GET", "/api/v2/pools", undefined, { bearer: secret })).status).toBe(200);
    const list = await (await world.json("GET", "/api/v2/tokens", undefined, { bearer: me })).text();
    expect(list).toContain(id);
    expect(list).not.toContain(secret);
    const second = await create(me, { name: "other" });
    expect((await world.json("DELETE", `/api/v2/tokens/${id}`, undefined, { bearer: me })).status).toBe(204);
    expect((await world.json("DELETE", `/api/v2/tokens/${id}`, undefined, { bearer: me })).status).toBe(404);
    expect((await world.json("GET", "/api/v2/pools", undefined, { bearer: secret })).status).toBe(401);
    clock.advance(91 * 24 * hour);
    expect((await world.json("GET", "/api/v2/pools", undefined, { bearer: String(second.body.secret) })).status).toBe(
      401,
    );
  });

  test("can do no more than who made them", async () => {
    const me = await session();
    const some = await create(me, { name: "reader", permissions: ["pool.read", "token.own"] });
    const reader = String(some.body.secret);
    expect((await world.json("GET", "/api/v2/pools", undefined, { bearer: reader })).status).toBe(200);
    expect((await world.json("POST", "/api/v2/pools", { name: "a" }, { bearer: reader })).status).toBe(403);
    for (const permissions of [["*"], ["pool.write"], ["pool.read", "instance.delete"]])
      expect((await create(reader, { name: "more", permissions })).body.code).toBe("forbidden");
    expect((await create(me, { name: "odd", permissions: ["pool.fly"] })).body.code).toBe("invalid-input");
    const same = await create(reader, { name: "same" });
    expect(Object(same.body.token).permissions).toEqual(["pool.read", "token.own"]);
  });

  test("another person's are not there", async () => {
    const me = await session();
    const { body } = await create(me, { name: "mine" });
    const door = world.bus.bus("web");
    const context = {
      actor: { kind: "user", id: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e99", name: "eve", permissions: ["*"] },
    } as const;
    const list = await door.call("token.list", {}, context);
    expect(list).toEqual({ items: [], total: 0 });
    await expect(door.call("token.delete", { id: Object(body.token).id }, context)).rejects.toThrow("no such token");
  });

  test("the same Idempotency-Key gives the same token, without keeping it anywhere", async () => {
    const me = await session();
    const headers = { "idempotency-key": "deploy-1" };
    const [one, two] = await Promise.all([
      create(me, { name: "once" }, headers),
      create(me, { name: "once" }, headers),
    ]);
    expect(one.body).toEqual(two.body);
    expect((await create(me, { name: "twice" }, headers)).body.code).toBe("idempotency-key-reused");
    const bearer = String(one.body.secret);
    expect((await world.json("GET", "/api/v2/pools", undefined, { bearer })).status).toBe(200);
    await world.json("DELETE", `/api/v2/tokens/${Object(one.body.token).id}`, undefined, { bearer: me });
    await create(me, { name: "once" }, headers);
    expect((await world.json("GET", "/api/v2/pools", undefined, { bearer })).status).toBe(401);
  });

  test("pages follow each other to the end", async () => {
    const me = await session();
    for (let i = 0; i < 5; i++) await create(me, { name: `page-${i}` });
    const seen: string[] = [];
    let address = "/api/v2/tokens?limit=2";
    for (let i = 0; i < 20 && address !== ""; i++) {
      const response = await world.json("GET", address, undefined, { bearer: me });
      const { items, total } = await bodyOf(response);
      for (const item of Array.isArray(items) ? items : []) seen.push(String(Object(item).id));
      address = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1] ?? "";
      if (address === "") expect(seen).toHaveLength(Number(total));
    }
    expect(new Set(seen).size).toBe(seen.length);
  });
});

test("who holds the operator's credentials makes tokens too", async () => {
  const door = world.bus.bus("web");
  const operator = world.bus.bus("operator");
  const { token, secret } = await operator.call("token.create", { name: "cron" });
  expect((await world.json("GET", "/api/v2/pools", undefined, { bearer: secret })).status).toBe(200);
  await operator.call("token.delete", { id: token.id });
  expect((await world.json("GET", "/api/v2/pools", undefined, { bearer: secret })).status).toBe(401);
  await expect(door.call("token.create", { name: "for a service" })).rejects.toThrow("belong to people");
});

test("a door asks whose secret it is; a person may not", async () => {
  const session = String((await bodyOf(await logIn(winnerName, admin.password))).session);
  const web = world.bus.bus("web");
  const who = await web.call("session.resolve", { secret: session });
  expect(who).toMatchObject({ kind: "user", name: winnerName });
  await expect(web.call("session.resolve", { secret: "nobody's" })).rejects.toThrow("unknown");
  const person = { kind: "user", id: who.id, name: who.name, permissions: ["*"] } as const;
  await expect(web.call("session.resolve", { secret: session }, { actor: person })).rejects.toThrow("may not");
});

test("no secret is in the database or in the log", async () => {
  const session = String((await bodyOf(await logIn(winnerName, admin.password))).session);
  const made = await world.json(
    "POST",
    "/api/v2/tokens",
    { name: "t" },
    { bearer: session, headers: { "idempotency-key": "k-1" } },
  );
  const secret = String((await bodyOf(made)).secret);
  const database = new Database(join(world.data, "gateway.db"), { readonly: true });
  const tables = database.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  const everything =
    JSON.stringify(tables.map(({ name }) => database.query(`SELECT * FROM "${name}"`).all())) + lines.join("\n");
  database.close();
  for (const hidden of [session, secret, admin.password, "wrong password"]) expect(everything).not.toContain(hidden);
  expect(everything).toContain("$argon2id$");
});
