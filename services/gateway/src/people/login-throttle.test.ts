import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { request } from "node:http";
import type { Bus } from "@nano/bus";
import { NanoError } from "@nano/contract";
import { admin, movableClock, startWorld, type World } from "../testing.ts";
import { createLoginThrottle } from "./login-throttle.ts";

const clock = movableClock();
const pauses: number[] = [];
const proxy = "127.0.0.3";
let world: World;
let web: Bus;
beforeAll(async () => {
  const pause = async (ms: number) => void pauses.push(ms);
  world = await startWorld({ parts: { clock, pause }, config: { trustedProxies: proxy } });
  await world.setUp();
  web = world.bus.bus("web");
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => clock.advance(3_600_000));

/** As the portal asks, for a browser at that address. */
const through = async (clientAddress: string, name: string, password: string): Promise<string> => {
  try {
    await web.call("session.create", { name, password }, { clientAddress });
    return "in";
  } catch (thrown) {
    return thrown instanceof NanoError ? thrown.code : String(thrown);
  }
};

/** Over REST, on a connection from this machine's address `from`. */
const over = (from: string, headers: Record<string, string>, password: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const { port } = world.gateway;
    const options = { host: "127.0.0.1", port, localAddress: from, method: "POST", path: "/api/v2/sessions" };
    const sent = request({ ...options, headers: { ...headers, "content-type": "application/json" } }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
    });
    sent.on("error", reject);
    sent.end(JSON.stringify({ name: admin.name, password }));
  });

describe("nobody locks another one out", () => {
  test("by guessing at their name, however steadily", async () => {
    // Twenty are enough for a limit of a name alone; each costs a hash.
    for (let i = 0; i < 20; i++) {
      await through("198.51.100.7", admin.name, `wrong-${i}`);
      clock.advance(6_000);
    }
    await through("198.51.100.7", admin.name, "wrong");
    expect(await through("203.0.113.9", admin.name, admin.password)).toBe("in");
  });

  test("from the same proxy, when it is trusted", async () => {
    const guess = (client: string, password = "wrong") => over(proxy, { "x-forwarded-for": client }, password);
    const statuses = [];
    for (let i = 0; i < 8; i++) statuses.push(await guess("198.51.100.7"));
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    // What the client itself wrote to the left of it does not make it another one.
    expect(await guess("1.2.3.4, 198.51.100.7")).toBe(429);
    expect(await guess("203.0.113.9", admin.password)).toBe(201);
    expect(await over(proxy, { forwarded: 'for="[2001:db8::1]:4711"' }, admin.password)).toBe(201);
  });

  test("and a forged header helps nobody who is no proxy", async () => {
    const statuses = [];
    for (let i = 0; i < 8; i++)
      statuses.push(await over("127.0.0.5", { "x-forwarded-for": `203.0.113.${i}` }, "wrong"));
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    expect(await over("127.0.0.5", { forwarded: "for=203.0.113.77" }, "wrong")).toBe(429);
    // The portal on this machine is believed.
    expect(await over("127.0.0.1", { "x-forwarded-for": "127.0.0.5" }, admin.password)).toBe(429);
    expect(await over("127.0.0.1", { "x-forwarded-for": "203.0.113.9" }, admin.password)).toBe(201);
  });

  test("a /64 of IPv6 is one client", async () => {
    const codes = [];
    for (let i = 0; i < 7; i++) codes.push(await through(`2001:db8:1:2::${i}`, admin.name, "wrong"));
    expect(codes.slice(4)).toEqual(["login-failed", "rate-limited", "rate-limited"]);
    expect(await through("2001:db8:1:3::1", admin.name, admin.password)).toBe("in");
  });
});

test("guesses of many clients at one name are answered later, and refused to none of them", async () => {
  const still = { now: () => 0, monotonic: () => 0 };
  const logins = createLoginThrottle({ clock: still, pause: async (ms) => void pauses.push(ms) });
  pauses.length = 0;
  for (let i = 0; i < 110; i++) await logins.begin("admin", `198.51.100.${i}`);
  expect(pauses).toHaveLength(10);
  await logins.begin("eve", "203.0.113.9");
  expect(pauses).toHaveLength(10);
  // What succeeds gives back what it took.
  for (let i = 0; i < 50; i++) (await logins.begin("eve", "203.0.113.9")).succeeded();
});
