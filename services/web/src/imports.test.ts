/** Files that the image service fetches itself, without JavaScript. */
import { expect, test } from "bun:test";
import { startWorld } from "./testing/world.ts";

const url = "https://images.example/debian-12.qcow2";

test("an image is imported from a URL; refused, what was typed stays", async () => {
  await using world = await startWorld();
  const person = world.person();
  const list = await person.get("/images");
  for (const text of ['href="/images/import"', "From the server"]) expect(list.text).toContain(text);
  const asked = await person.get("/images/import");
  for (const text of ["image.import", "at a public address"]) expect(asked.text).toContain(text);

  const fields = { name: "debian-12", url, tags: "linux, web", sha256: "A".repeat(64), key: "one" };
  const begun = await person.post("/images/import", fields);
  const [image] = [...world.cloud.images.values()];
  expect(begun).toMatchObject({ status: 303, location: `/images/${image?.id}` });
  expect(image).toMatchObject({ tags: ["linux", "web"], source: { from: "url", url } });
  const shown = await person.get(`/images/${image?.id}`);
  expect(shown.text).toContain(url);
  expect(shown.text).not.toContain("Upload its file");

  const taken = await person.post("/images/import", { ...fields, key: "two" });
  expect(taken.status).toBe(409);
  for (const text of ["exists already", url, "linux, web"]) expect(taken.text).toContain(text);
  const wrong = await person.post("/images/import", {
    ...fields,
    name: "other",
    url: "file:///etc/passwd",
    key: "three",
  });
  expect(wrong.status).toBe(422);
  expect(wrong.text).toContain("file:///etc/passwd");
});

test("a medium is imported, too", async () => {
  await using world = await startWorld();
  const begun = await world.person().post("/media/import", { name: "netinst", url: "https://images.example/a.iso" });
  expect(begun.status).toBe(303);
  expect([...world.cloud.media.values()].map(({ name }) => name)).toContain("netinst");
});

test("the server's directory is looked at: what becomes what, and what is not taken and why", async () => {
  await using world = await startWorld();
  const person = world.person();
  const found = await person.post("/images/sync", {});
  const [image] = [...world.cloud.images.values()];
  for (const text of ["/srv/nano/incoming", "golden.qcow2", `href="/images/${image?.id}"`, "written to just now"])
    expect(found.text).toContain(text);
  expect((await person.get(`/images/${image?.id}`)).text).toContain("golden.qcow2");
  expect((await person.post("/media/sync", {})).text).toContain("There is nothing");
});
