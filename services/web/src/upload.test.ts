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

test("without JavaScript: the form says what a wrong file is, whose record went, in both languages", async () => {
  const page = async (language: string, query: Record<string, string>) => {
    const cookie = `nano_session=${world.cloud.logIn()}`;
    const path = `/media/0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e99/upload?${new URLSearchParams(query)}`;
    const response = await fetch(`${world.base}${path}`, { headers: { cookie, "accept-language": language } });
    return await response.text();
  };
  const refused = {
    error: "image-format-invalid",
    why: "The file is a zip archive, not an ISO 9660 image",
    remedy: "Unpack it with unzip and upload what is inside.",
    name: "my-medium",
  };
  const english = await page("en", refused);
  expect(english).toContain(refused.why);
  expect(english).toContain(refused.remedy);
  expect(english).toContain('value="my-medium"');
  const chinese = await page("zh", refused);
  expect(chinese).toContain("该文件是zip 归档，不是 ISO 镜像");
  expect(chinese).toContain("请用 unzip 解包");
  // An address is anybody's to write.
  const spoofed = await page("en", {
    ...refused,
    why: "The file is at evil.test, not an ISO 9660 image",
    remedy: "Call us",
  });
  expect(spoofed).not.toContain("<span>The file is at evil.test");
  expect(spoofed).not.toContain("<span>Call us");
});

test("a record's page says that its file was unpacked, in both languages", async () => {
  const medium = world.cloud.addMedia("unpacked", { state: "ready", unpackedFrom: "xz" });
  const page = async (language: string) => {
    const cookie = `nano_session=${world.cloud.logIn()}`;
    const response = await fetch(`${world.base}/media/${medium.id}`, {
      headers: { cookie, "accept-language": language },
    });
    return await response.text();
  };
  expect(await page("en")).toContain("unpacked from xz");
  expect(await page("zh")).toContain("由 xz 解压而来");
});
