/** An instance's snapshots in the portal, without JavaScript. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startWorld, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  world.cloud.addPool("default");
  world.cloud.addCell(1);
});
afterAll(() => world[Symbol.asyncDispose]());

test("taken with a name, shown as a tree, gone back to, and deleted where nothing depends on it", async () => {
  const person = world.person();
  const { id } = world.cloud.addInstance("tree", { state: "stopped" });
  const tab = `/instances/${id}?tab=snapshots`;
  const empty = await person.get(tab);
  expect(empty.text).toContain("No snapshots");
  expect(empty.text).toContain(`/instances/${id}/snapshots/new`);

  const form = await person.get(`/instances/${id}/snapshots/new`);
  expect(form.text).not.toContain("Also keep its memory");
  expect(form.text).toContain("snapshot.create");
  const nameless = await person.post(`/instances/${id}/snapshots/new`, { name: "", description: "", key: "k0" });
  expect(nameless.status).toBe(422);
  expect(nameless.text).toContain("field-bad");
  const taken = await person.post(`/instances/${id}/snapshots/new`, { name: "first", description: "clean", key: "k1" });
  expect(taken.status).toBe(303);
  expect(taken.location).toBe(tab);
  const again = await person.post(`/instances/${id}/snapshots/new`, { name: "first", description: "", key: "k2" });
  expect(again.status).toBe(409);
  expect(again.text).toContain("The name is in use");
  const second = world.cloud.addSnapshot(id, "second");
  const [first] = world.cloud.snapshots.get(id) ?? [];

  const tree = await person.get(tab);
  expect(tree.text.indexOf("first")).toBeLessThan(tree.text.indexOf("second"));
  expect(tree.text).toContain("Later snapshots depend on it.");
  expect(tree.text).toContain("based on this snapshot");
  const question = await person.get(`/instances/${id}/snapshots/${first?.id}/restore`);
  expect(question.text).toContain("Restore snapshot “first”?");
  expect(question.text).toContain("since the last snapshot");
  expect(question.text).not.toContain('name="force"');
  const back = await person.post(`/instances/${id}/snapshots/${first?.id}/restore`, { key: "k3" });
  expect(back.location).toBe(tab);
  const gone = await person.post(`/instances/${id}/snapshots/${second.id}/delete`, { key: "k4" });
  expect(gone.status).toBe(303);
  expect(world.cloud.snapshots.get(id)).toHaveLength(1);
  const asked = await person.get(`/instances/${id}/snapshots/${first?.id}/delete`);
  expect(asked.text).toContain("based on this snapshot");
  expect(asked.text).toContain('name="force" value="yes"');
  await person.post(`/instances/${id}/snapshots/${first?.id}/delete`, { key: "k5", force: "yes" });
  expect(world.cloud.snapshots.get(id)).toEqual([]);
});

test("a running one may keep its memory, and is stopped for going back", async () => {
  const person = world.person();
  const { id } = world.cloud.addInstance("live", { state: "running" });
  expect((await person.get(`/instances/${id}/snapshots/new`)).text).toContain("Also keep its memory");
  await person.post(`/instances/${id}/snapshots/new`, { name: "disks", description: "", key: "m1" });
  await person.post(`/instances/${id}/snapshots/new`, { name: "all", description: "", memory: "yes", key: "m2" });
  const [disks, all] = world.cloud.snapshots.get(id) ?? [];
  expect([disks?.memory, all?.memory]).toEqual([false, true]);
  const question = await person.get(`/instances/${id}/snapshots/${all?.id}/restore`);
  expect(question.text).toContain("like pulling the plug");
  expect(question.text).toContain('name="force" value="yes"');
});

test("a system is reset after a question that names the loss", async () => {
  const person = world.person();
  const { id } = world.cloud.addInstance("reset-me", { state: "stopped" });
  const question = await person.get(`/instances/${id}/reset-system`);
  expect(question.text).toContain("with everything on it");
  expect(question.text).toContain("system.reset");
  expect((await person.post(`/instances/${id}/reset-system`, { source: "blank", key: "r1" })).status).toBe(303);
  world.cloud.instances.set(id, { ...world.cloud.addInstance("held", { state: "stopped" }), id, snapshots: 1 });
  expect((await person.get(`/instances/${id}/reset-system`)).text).toContain("Delete its snapshots first");
});

test("what cannot be says why, and what is not there is not found", async () => {
  const person = world.person();
  const { id } = world.cloud.addInstance("lost-one", { state: "lost" });
  expect((await person.get(`/instances/${id}?tab=snapshots`)).text).toContain("Its cell does not answer.");
  for (const path of ["restore", "delete"]) {
    expect((await person.get(`/instances/${id}/snapshots/nonsense/${path}`)).status).toBe(404);
    expect((await person.get(`/instances/${id}/snapshots/${crypto.randomUUID()}/${path}`)).status).toBe(404);
  }
  const chinese = await person.get(`/instances/${id}?tab=snapshots`, { "accept-language": "zh" });
  expect(chinese.text).toContain("快照");
});
