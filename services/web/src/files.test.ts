/** Records of images and media, without JavaScript: looked at, changed, downloaded, deleted. */
import { expect, test } from "bun:test";
import type { GiB } from "@nano/contract";
import { startWorld } from "./testing/world.ts";

test("what is said of an image is changed; only that is sent, and what was typed is kept", async () => {
  await using world = await startWorld();
  const person = world.person();
  const image = world.cloud.addImage("debian", { description: "Old", tags: ["linux"], minimumDiskGiB: 2 as GiB });
  world.cloud.addImage("taken");
  const shown = `/images/${image.id}`;
  expect((await person.get(shown)).text).toContain(`href="${shown}/modify"`);
  const form = await person.get(`${shown}/modify`);
  const hidden = (text: string, name: string) =>
    new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1]?.replaceAll("&amp;", "&") ?? "";
  const opened = { was: hidden(form.text, "was"), revision: hidden(form.text, "revision") };
  const typed = { name: "debian", description: "Old", tags: "linux", visibility: "group", minimumDiskGiB: "2" };
  const send = (change: object) => person.post(`${shown}/modify`, { ...opened, ...typed, ...change });

  expect(await send({})).toMatchObject({ status: 303, location: shown });
  expect(world.cloud.images.get(image.id)?.revision).toBe(image.revision);

  const taken = await send({ name: "taken", tags: "linux, lts" });
  expect(taken.status).toBe(409);
  expect(taken.text).toContain('value="linux, lts"');
  const wrong = await send({ minimumDiskGiB: "0" });
  expect(wrong.status).toBe(422);
  expect(wrong.text).toContain("field-problem");

  expect(await send({ visibility: "public", tags: "linux, lts" })).toMatchObject({ status: 303, location: shown });
  expect(world.cloud.images.get(image.id)).toMatchObject({ visibility: "public", tags: ["linux", "lts"] });

  // Opened before that, and sent after it: what the other changed is not lost.
  const late = await send({ name: "debian-12" });
  expect(late.status).toBe(412);
  expect(late.text).toContain("Somebody else changed debian meanwhile.");
  expect(late.text).toContain('value="debian-12"');
  expect(late.text).toContain('value="linux lts"');
  const again = { was: hidden(late.text, "was"), revision: hidden(late.text, "revision") };
  const kept = { ...typed, name: "debian-12", tags: "linux lts", visibility: "public" };
  expect((await person.post(`${shown}/modify`, { ...again, ...kept })).status).toBe(303);
  expect(world.cloud.images.get(image.id)).toMatchObject({ name: "debian-12", visibility: "public" });
});

test("a list tells who sees it and how many use it, and is narrowed by it; the page links to them", async () => {
  await using world = await startWorld();
  const person = world.person();
  const image = world.cloud.addImage("shared", { visibility: "public" });
  world.cloud.addImage("own", { visibility: "private" });
  const { id, name } = image;
  const instance = world.cloud.addInstance("web-1", {
    disks: [{ name: "system", sizeGiB: 2 as GiB, image: { id, name, sha256: "a".repeat(64) as never } }],
  });
  const list = await person.get("/images?visibility=public");
  expect(list.text).toContain("shared");
  expect(list.text).not.toContain(">own<");
  expect(list.text).toMatch(/data-label="Used by"[^>]*>1</);
  expect((await person.get(`/images/${id}`)).text).toContain(`href="/instances/${instance.id}"`);
});

test("deleting names who uses it, and is forced by whoever read that", async () => {
  await using world = await startWorld();
  const person = world.person();
  const medium = world.cloud.addMedia("rescue");
  const unused = world.cloud.addMedia("unused");
  world.cloud.addInstance("web-1", { media: { id: medium.id, name: medium.name } });
  const asked = await person.get(`/media/${medium.id}/delete`);
  for (const text of ["web-1", "Delete it anyway", 'name="force" value="yes"', "&quot;force&quot;:true"])
    expect(asked.text).toContain(text);
  const quiet = await person.get(`/media/${unused.id}/delete`);
  expect(quiet.text).toContain("No instance uses it.");
  expect(quiet.text).not.toContain('name="force"');
  expect(await person.post(`/media/${medium.id}/delete`, {})).toMatchObject({ location: `/media/${medium.id}` });
  expect(world.cloud.media.has(medium.id)).toBe(true);
  expect(await person.post(`/media/${medium.id}/delete`, { force: "yes" })).toMatchObject({ location: "/media" });
  expect(world.cloud.media.has(medium.id)).toBe(false);
});

test("a download is a link: whole, in ranges, and refused in words", async () => {
  const bytes = "0123456789";
  let status = 206;
  const asked: Headers[] = [];
  const images = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      asked.push(request.headers);
      const headers = { "content-disposition": 'attachment; filename="x.iso"', "x-secret": "no", "set-cookie": "a=b" };
      if (status !== 206) return new Response("{}", { status });
      return new Response(bytes.slice(2), { status, headers: { ...headers, "content-range": "bytes 2-9/10" } });
    },
  });
  try {
    await using world = await startWorld();
    world.cloud.imagesUrl = `http://127.0.0.1:${images.port}`;
    const medium = world.cloud.addMedia("x");
    const link = `/media/${medium.id}/download`;
    expect((await world.person().get(`/media/${medium.id}`)).text).toContain(`href="${link}"`);
    const part = await world.person().get(link, { range: "bytes=2-", "if-range": '"e"' });
    expect([part.status, part.text]).toEqual([206, bytes.slice(2)]);
    expect(Object.fromEntries(part.headers)).toMatchObject({
      "content-disposition": 'attachment; filename="x.iso"',
      "content-range": "bytes 2-9/10",
      "x-content-type-options": "nosniff",
    });
    for (const name of ["x-secret", "set-cookie"]) expect(part.headers.get(name)).toBeNull();
    const [sent] = asked;
    expect(sent?.get("authorization")).toBe(`Bearer ${medium.id}-ticket`);
    expect([sent?.get("range"), sent?.get("if-range"), sent?.get("cookie")]).toEqual(["bytes=2-", '"e"', null]);
    for (status of [401, 404, 500]) expect((await world.person().get(link)).status).toBe(503);
    expect((await world.person().get("/media/0197a3f2-8c1d-7e4b-9a55-000000000000/download")).status).toBe(404);
    expect((await world.stranger().get(link)).location).toStartWith("/login");
    await images.stop(true);
    expect((await world.person().get(link)).status).toBe(503);
  } finally {
    await images.stop(true);
  }
});

test("an image that is converted tells how far it is, then what it was; a person may say what a file is", async () => {
  await using world = await startWorld();
  const person = world.person();
  const { id } = world.cloud.addImage("appliance", { state: "checking", progress: 42 });
  for (const path of ["/images", `/images/${id}`]) expect((await person.get(path)).text).toContain("converting 42 %");
  expect((await person.get(`/images/${id}`)).text).not.toContain("Upload its file");
  world.cloud.addImage("converted", { convertedFrom: "vmdk" });
  const converted = [...world.cloud.images.values()].find(({ name }) => name === "converted");
  expect((await person.get(`/images/${converted?.id}`)).text).toContain("converted from VMDK");

  expect((await person.get("/media/new")).text).not.toContain('name="format"');
  const form = await person.get("/images/new");
  const key = /name="key" value="([^"]*)"/.exec(form.text)?.[1] ?? "";
  expect(form.text).toContain('<option value="raw"');
  const typed = { key, name: "disk", description: "", tags: "", sha256: "", format: "nonsense" };
  const wrong = await person.post("/images/new", typed);
  expect([wrong.status, wrong.text.includes("field-problem")]).toEqual([422, true]);
  expect((await person.post("/images/new", { ...typed, format: "raw" })).status).toBe(303);
});

test("what a disk made of an image needs is said when it is uploaded or imported", async () => {
  await using world = await startWorld();
  const person = world.person();
  const typed = { description: "", tags: "", sha256: "", format: "", minimumDiskGiB: "8" };
  const forms = { "/images/new": { name: "sent" }, "/images/import": { name: "fetched", url: "https://x.example/a" } };
  for (const [path, own] of Object.entries(forms)) {
    expect((await person.get(path)).text).toContain('name="minimumDiskGiB"');
    expect((await person.get(path.replace("images", "media"))).text).not.toContain('name="minimumDiskGiB"');
    const wrong = await person.post(path, { ...typed, ...own, key: crypto.randomUUID(), minimumDiskGiB: "0.5" });
    expect([wrong.status, wrong.text.includes("field-problem")]).toEqual([422, true]);
    expect((await person.post(path, { ...typed, ...own, key: crypto.randomUUID() })).status).toBe(303);
    const made = [...world.cloud.images.values()].find(({ name }) => name === own.name);
    expect(made?.minimumDiskGiB).toBe(8 as GiB);
  }
});
