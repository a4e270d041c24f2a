/** A wrong file is said before there is a record of it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { startWorld, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

test("the page for media knows the words, in both languages; that for images does not need them", async () => {
  const page = async (path: string, language: string) => {
    const cookie = `nano_session=${world.cloud.logIn()}`;
    return await (await fetch(`${world.base}${path}`, { headers: { cookie, "accept-language": language } })).text();
  };
  expect(await page("/media/new", "en")).toContain('data-text-not-iso="Not an ISO image. Choose another file."');
  expect(await page("/media/new", "zh")).toContain("不是 ISO 映像");
  expect(await page("/images/new", "en")).not.toContain("data-text-not-iso");
});

test("the script tells an ISO image from what is none, and leaves compressed ones to the image service", async () => {
  const { isIso } = await import(join(import.meta.dir, "../public/upload.js"));
  const iso = new Uint8Array(40_000);
  iso.set(new TextEncoder().encode("CD001"), 32_769);
  expect(await isIso(new File([iso], "a.iso"))).toBe(true);
  expect(await isIso(new File([new Uint8Array(40_000)], "a.iso"))).toBe(false);
  expect(await isIso(new File(["hello"], "a.iso"))).toBe(false);
  expect(await isIso(new File([Uint8Array.of(0x1f, 0x8b, 8, 0)], "a.iso.gz"))).toBe(true);
});
