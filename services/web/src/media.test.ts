/** The drive of a running instance, without JavaScript. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startWorld, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  world.cloud.addPool("default");
  world.cloud.addCell(1);
});
afterAll(() => world[Symbol.asyncDispose]());

test("a medium is chosen, inserted, replaced and ejected, from the page and from the console", async () => {
  const person = world.person();
  const instance = world.cloud.addInstance("web-1", { state: "running" });
  const medium = world.cloud.addMedia("debian-12-netinst", { state: "ready" });
  const page = `/instances/${instance.id}`;
  expect((await person.get(page)).text).toContain(`href="${page}/media?back=`);
  const choice = await person.get(`${page}/media?back=${encodeURIComponent(`${page}/console`)}`);
  expect(choice.text).toContain("debian-12-netinst");
  expect(choice.text).toContain("media.insert");
  const inserted = await person.post(`${page}/media`, { media: medium.id, key: "one", back: `${page}/console` });
  expect(inserted).toMatchObject({ status: 303, location: `${page}/console` });
  const console = await person.get(`${page}/console`);
  expect(console.text).toContain("Eject debian-12-netinst");
  expect(console.text).toContain("Replace media…");
  expect((await person.get("/instances")).text).toContain("Media inserted: debian-12-netinst");
  // Nobody can delete it meanwhile.
  const kept = await person.post(`/media/${medium.id}/delete`, {});
  expect(kept).toMatchObject({ status: 303, location: `/media/${medium.id}` });
  expect((await person.get(kept.location ?? "")).text).toContain("drive of web-1");
  // Force is asked about once.
  expect((await person.get(`${page}/media/eject`)).text).toContain('name="force"');
  const ejected = await person.post(`${page}/media/eject`, { key: "two" });
  expect(ejected).toMatchObject({ status: 303, location: page });
  expect(world.cloud.instances.get(instance.id)?.media).toBeUndefined();
  expect((await person.post(`/media/${medium.id}/delete`, {})).location).toBe("/media");
});

test("what is not possible says why; what is not an id is said", async () => {
  const person = world.person();
  const off = world.cloud.addInstance("off-1", { state: "stopped" });
  expect((await person.get(`/instances/${off.id}`)).text).toContain("Insert media…");
  expect((await person.get(`/instances/${off.id}/media`)).text).toContain("aria-disabled");
  const nonsense = await person.post(`/instances/${off.id}/media`, { media: "../../etc/passwd" });
  expect(nonsense.status).toBe(303);
  expect((await person.get(nonsense.location ?? "")).text).toContain("The input does not fit");
  const elsewhere = await person.post(`/instances/${off.id}/media/eject`, { back: "//evil.test" });
  expect(elsewhere.location).not.toContain("evil");
});
