/** A disk that becomes an image, without JavaScript. */
import { expect, test } from "bun:test";
import type { GiB } from "@nano/contract";
import { startWorld } from "./testing/world.ts";

test("a disk is exported from its tab or the instance's page; the image and the task tell of each other", async () => {
  await using world = await startWorld();
  const person = world.person();
  const instance = world.cloud.addInstance("web-1", {
    state: "stopped",
    disks: [{ name: "system", sizeGiB: 20 as GiB }],
  });
  const page = `/instances/${instance.id}`;
  const form = `${page}/disks/system/export`;
  for (const place of [page, `${page}?tab=disks`]) expect((await person.get(place)).text).toContain(`href="${form}"`);
  const asked = await person.get(form);
  for (const text of [
    "The image contains the guest",
    "Separated by spaces",
    "Remove inside the guest what must not be copied",
    "disk.export",
    "web-1-golden",
  ])
    expect(asked.text).toContain(text);

  const fields = { name: "golden", description: "Just so", tags: "linux, web", key: "one" };
  const begun = await person.post(form, fields);
  expect(begun).toMatchObject({ status: 303, location: `${page}?tab=disks` });
  const image = [...world.cloud.images.values()].find(({ name }) => name === "golden");
  expect(image).toMatchObject({ description: "Just so", tags: ["linux", "web"], source: { name: "web-1" } });

  const arriving = await person.get(`/images/${image?.id}`);
  expect(arriving.text).toContain("Being built from the disk system of web-1");
  expect(arriving.text).toContain(`href="${page}"`);
  expect(arriving.text).not.toContain("Upload its file");
  expect((await person.get("/images")).text).toContain("golden");
  const task = [...world.cloud.tasks.values()].find(({ operation }) => operation === "disk.export");
  expect((await person.get(`/tasks/${task?.id}`)).text).toContain(`href="/images/${image?.id}"`);

  const taken = await person.post(form, { ...fields, key: "two" });
  expect(taken.status).toBe(409);
  expect(taken.text).toContain("exists already");
  expect(taken.text).toContain('value="linux, web"');
  const wrong = await person.post(form, { ...fields, name: "other", tags: "<b>", key: "three" });
  expect(wrong.status).toBe(422);
  expect((await person.get(`${page}/disks/data-9/export`)).status).toBe(404);
});

test("why it is not possible is said", async () => {
  await using world = await startWorld();
  const person = world.person();
  const running = world.cloud.addInstance("web-2", { state: "running" });
  const asked = await person.get(`/instances/${running.id}/disks/system/export`);
  expect(asked.text).toContain("what a power cut would leave");
  expect(asked.text).not.toContain("aria-disabled");
  const paused = world.cloud.addInstance("web-3", { state: "paused" });
  const shown = await person.get(`/instances/${paused.id}/disks/system/export`);
  expect(shown.text).toContain("aria-disabled");
  expect(shown.text).toContain("It is paused.");
  const refused = await person.post(`/instances/${paused.id}/disks/system/export`, { name: "golden" });
  expect(refused.status).toBe(409);
});
