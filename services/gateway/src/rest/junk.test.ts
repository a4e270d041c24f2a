/** Requests that are none: refused with 400 here as everywhere, and no error of ours. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Log, silentLog } from "@nano/contract";
import { junk, odd, statusOf } from "@nano/http/junk.testing";
import { startWorld, type World } from "../testing.ts";

let world: World;
const errors: string[] = [];
const log: Log = { ...silentLog, error: (message) => void errors.push(message) };
beforeAll(async () => {
  world = await startWorld({ log });
  await world.setUp();
});
afterAll(() => world[Symbol.asyncDispose]());

const paths = [
  "/api/v2/pools",
  "/api/v2/setup",
  "/api/v2/events",
  "/swagger",
  "/healthz",
  "/console/socket",
  "/errors/x",
];

test.each(junk.map(([what, raw]) => [what, raw] as const))("%s", async (_, raw) => {
  for (const path of paths) expect([400, 431]).toContain(await statusOf(world.gateway.port, raw(path)));
  expect(errors).toEqual([]);
});

test.each(odd.map(([what, raw]) => [what, raw] as const))("%s is no matter", async (_, raw) => {
  expect(await statusOf(world.gateway.port, raw("/healthz"))).toBe(200);
  for (const path of paths) expect(await statusOf(world.gateway.port, raw(path))).toBeLessThan(500);
  expect(errors).toEqual([]);
});

test("a raw NUL is refused", async () => {
  const status = await statusOf(world.gateway.port, "GET /api/v2/po\0ols HTTP/1.1\r\nHost: a\r\n\r\n");
  expect([400, 505]).toContain(status);
});
