/** Requests that are none: refused with 400 here as everywhere, and no error of ours. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { junk, odd, statusOf } from "@nano/http/junk.testing";
import { startWorld, type World } from "../testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  world.cloud.addPool("default");
});
afterAll(() => world[Symbol.asyncDispose]());

const paths = ["/", "/login", "/pools", "/events", "/console/socket", "/api/v2/pools", "/healthz", "/assets/x.js"];

test.each(junk.map(([what, raw]) => [what, raw] as const))("%s", async (_, raw) => {
  for (const path of paths) expect([400, 431]).toContain(await statusOf(world.portal.port, raw(path)));
  expect(world.errors).toEqual([]);
});

test.each(odd.map(([what, raw]) => [what, raw] as const))("%s is no matter", async (_, raw) => {
  expect(await statusOf(world.portal.port, raw("/login"))).toBe(303);
  expect(await statusOf(world.portal.port, raw("/healthz"))).toBe(200);
  // The gateway of this world is not there.
  for (const path of paths.filter((path) => !path.startsWith("/api/")))
    expect(await statusOf(world.portal.port, raw(path))).toBeLessThan(500);
  expect(world.errors).toEqual([]);
});
