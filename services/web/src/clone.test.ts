/** Cloning an instance in the portal, without JavaScript. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { GiB } from "@nano/contract";
import { startWorld, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  world.cloud.addPool("default");
  world.cloud.addCell(1);
});
afterAll(() => world[Symbol.asyncDispose]());

test("what a guest without cloud-init keeps of its source is said", async () => {
  const person = world.person();
  const bare = world.cloud.addInstance("bare-source", { state: "stopped" });
  const seeded = world.cloud.addInstance("seeded-source", {
    state: "stopped",
    cloudInit: { user: "deb", hostname: "seeded-source", generation: 1 },
  });
  expect((await person.get(`/instances/${bare.id}/clone`)).text).toContain("machine id");
  expect((await person.get(`/instances/${seeded.id}/clone`)).text).not.toContain("machine id");
});

test("an instance that is off is cloned under another name, and its clone is shown", async () => {
  const person = world.person();
  const cloudInit = { user: "root", hostname: "source", generation: 1 };
  const { id } = world.cloud.addInstance("source", { state: "stopped", cloudInit });
  expect((await person.get(`/instances/${id}`)).text).toContain(`/instances/${id}/clone`);
  const form = await person.get(`/instances/${id}/clone`);
  for (const words of [
    "Clone source",
    "they depend on nothing",
    "milliseconds and hardly any room",
    "As its source",
    "instance.clone",
  ])
    expect(form.text).toContain(words);
  expect(form.text).toContain(`/api/v2/instances/${id}/clone`);

  const nameless = await person.post(`/instances/${id}/clone`, { name: "", mode: "linked", key: "c0" });
  expect(nameless.status).toBe(422);
  expect(nameless.text).toContain("field-bad");
  expect(nameless.text).toContain('value="linked" selected');
  const taken = await person.post(`/instances/${id}/clone`, { name: "source", mode: "full", key: "c1" });
  expect(taken.status).toBe(409);
  expect(taken.text).toContain("The name is in use");

  const fields = { name: "twin", mode: "linked", network: "static", address: "192.0.2.7/24", start: "yes", key: "c2" };
  const made = await person.post(`/instances/${id}/clone`, fields);
  expect(made.status).toBe(303);
  const twin = [...world.cloud.instances.values()].find(({ name }) => name === "twin");
  expect(made.location).toBe(`/instances/${twin?.id}`);
  expect(world.cloud.clones.at(-1)).toEqual({
    mode: "linked",
    network: { mode: "static", address: "192.0.2.7/24" },
    start: true,
  });
  await person.post(`/instances/${id}/clone`, { name: "third", mode: "full", network: "", key: "c3" });
  expect(world.cloud.clones.at(-1)).toEqual({ mode: "full" });
});

test("a linked disk says that it is one, and why it cannot be written anew", async () => {
  const person = world.person();
  const disks = [{ name: "system", sizeGiB: 20 as GiB, backing: "shared" as const }];
  const { id } = world.cloud.addInstance("linked-one", { state: "stopped", disks });
  world.cloud.addInstance("linked-two", { state: "stopped", disks });
  const tab = await person.get(`/instances/${id}?tab=disks`);
  expect(tab.text).toContain("shares the file under it with linked clones");
  expect(tab.text).toContain("It has a backing file");
});

test("one that runs says why not, one with snapshots what is possible; without cloud-init there is no network to give", async () => {
  const person = world.person();
  const running = world.cloud.addInstance("busy-one", { state: "running" });
  const form = await person.get(`/instances/${running.id}/clone`);
  expect(form.text).toContain("Stop it first.");
  expect(form.text).not.toContain('name="network"');
  const held = world.cloud.addInstance("held", { state: "stopped", snapshots: 2 });
  expect((await person.get(`/instances/${held.id}/clone`)).text).toContain("a linked one is not possible");
  const refused = await person.post(`/instances/${held.id}/clone`, { name: "of-held", mode: "linked", key: "h1" });
  expect(refused.status).toBe(409);
  expect(refused.text).toContain("The instance has snapshots");
  const chinese = await person.get(`/instances/${held.id}/clone`, { "accept-language": "zh" });
  expect(chinese.text).toContain("克隆 held");
  expect((await person.get(`/instances/${crypto.randomUUID()}/clone`)).status).toBe(404);
});
