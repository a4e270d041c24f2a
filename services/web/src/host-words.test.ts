/** Pages tell of a failure without the paths of the host that it came from. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startWorld, type World } from "./testing/world.ts";

const said = "Could not open '/vol-x/nano/disk.qcow2': qemu-img convert -O qcow2 /tank/a /tank/b: Permission denied";
const error = { code: "conversion-failed", message: said, remedy: "Look at /vol-x/nano.", details: { at: said } };
let world: World;
beforeAll(async () => {
  world = await startWorld();
  world.cloud.addPool("default");
});
afterAll(() => world[Symbol.asyncDispose]());

test("images, renditions, tasks and instances", async () => {
  const { cloud } = world;
  const image = cloud.addImage("broken", { state: "failed", error });
  const made = cloud.addImage("whole", { renditions: [{ format: "vmdk", state: "failed", progress: 0, error }] });
  const instance = cloud.addInstance("web-1", { state: "crashed", stateReason: said });
  const task = cloud.addTask("instance.start", instance, { state: "failed", error, obstacle: said });
  const person = world.person();
  const pages = [`/images/${image.id}`, `/images/${made.id}`, "/images", "/tasks", `/tasks/${task.id}`];
  for (const path of [...pages, `/instances/${instance.id}`, "/instances", "/"]) {
    const { text, status } = await person.get(path);
    expect([path, status]).toEqual([path, 200]);
    expect([path, text.match(/vol-x|tank|-O qcow2/)]).toEqual([path, null]);
  }
  expect((await person.get(`/images/${image.id}`)).text).toContain("disk.qcow2");
  expect((await person.get(`/tasks/${task.id}`)).text).toContain("disk.qcow2");
});
