/** Requests that are none: refused with 400 here as everywhere, and no error of ours. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { junk, odd, statusOf } from "@nano/http/junk.testing";
import { openWorld, type World } from "../testing/world.ts";

let world: World;
let port: number;
beforeAll(async () => {
  world = await openWorld();
  port = Number(new URL(world.url).port);
});
afterAll(() => world[Symbol.asyncDispose]());

const id = "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e99";
const paths = [`/upload/${id}`, `/download/${id}`, "/healthz", "/nothing"];
const errors = () => world.lines.filter((line) => line.startsWith("error"));

test.each(junk.map(([what, raw]) => [what, raw] as const))("%s", async (_, raw) => {
  for (const path of paths) expect([400, 431]).toContain(await statusOf(port, raw(path)));
  expect(errors()).toEqual([]);
});

test.each(odd.map(([what, raw]) => [what, raw] as const))("%s is no matter", async (_, raw) => {
  expect(await statusOf(port, raw("/healthz"))).toBe(200);
  for (const path of paths) expect(await statusOf(port, raw(path))).toBeLessThan(500);
  expect(errors()).toEqual([]);
});
