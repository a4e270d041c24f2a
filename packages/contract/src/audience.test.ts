import { expect, test } from "bun:test";
import { type Actor, type Permission, permissionNames } from "./actor.ts";
import { createHearing, hears } from "./audience.ts";
import { type EventName, eventDefinitions } from "./events.ts";

const user = (name: string, permissions: (Permission | "*")[], group?: string): Actor => ({
  kind: "user",
  id: `id-${name}`,
  name,
  permissions,
  ...(group ? { group } : {}),
});
const image = (visibility: string, more = {}) => ({
  name: "image.changed",
  id: "i-1",
  data: { name: "secret", owner: "eve", group: "staff", visibility, ...more },
});

test("an image's events are for those who see the image", () => {
  const reads: Permission[] = ["event.read", "image.read"];
  expect(hears(user("eve", reads), image("private"))).toBe(true);
  expect(hears(user("bob", reads), image("private"))).toBe(false);
  expect(hears(user("bob", reads), image("public"))).toBe(true);
  expect(hears(user("bob", reads), image("group"))).toBe(false);
  expect(hears(user("bob", reads, "staff"), image("group"))).toBe(true);
  expect(hears(user("bob", [...reads, "image.manage"]), image("private"))).toBe(true);
  // Without the permission to read images none is seen, the own included.
  expect(hears(user("eve", ["event.read"]), image("public"))).toBe(false);
  // An event of before tells nothing of it: it is for nobody but who manages images.
  const old = { name: "image.changed", id: "i-1", data: { name: "secret" } };
  expect(hears(user("bob", reads), old)).toBe(false);
  expect(hears(user("root", ["*"]), old)).toBe(true);
});

test("a token's events are its owner's, a session's its person's", () => {
  const token = { name: "token.created", id: "t-1", data: { owner: "id-eve" } };
  expect(hears(user("eve", ["*"]), token)).toBe(true);
  expect(hears(user("root", ["*"]), token)).toBe(false);
  const session = { name: "session.created", id: "id-eve", data: { name: "eve" } };
  expect(hears(user("eve", ["event.read"]), session)).toBe(true);
  expect(hears(user("bob", ["event.read"]), session)).toBe(false);
  expect(hears(user("bob", ["user.read"]), session)).toBe(true);
});

test("a task's events are for who asked for it, and for who may read its instance", () => {
  const task = { name: "task.changed", id: "t-1", data: { name: "web-1", owner: "id-eve" } };
  expect(hears(user("eve", ["event.read", "task.read"]), task)).toBe(true);
  expect(hears(user("bob", ["event.read", "task.read"]), task)).toBe(false);
  expect(hears(user("bob", ["event.read", "task.read", "instance.read"]), task)).toBe(true);
  expect(hears(user("eve", ["event.read", "instance.read"]), task)).toBe(false);
  // One of before says not whose it is.
  const old = { ...task, data: { name: "web-1" } };
  expect(hears(user("eve", ["event.read", "task.read"]), old)).toBe(false);
  expect(hears(user("root", ["*"]), old)).toBe(true);
});

test("nobody hears of a kind of thing without the permission to read it", () => {
  const nobody = user("nobody", ["event.read"]);
  for (const name of Object.keys(eventDefinitions) as EventName[])
    expect([name, hears(nobody, { name, id: "x", data: {} })]).toEqual([name, false]);
  const everything = user("all", [...permissionNames]);
  for (const name of Object.keys(eventDefinitions) as EventName[])
    if (!name.startsWith("token."))
      expect([name, hears(everything, { name, id: "x", data: {} })]).toEqual([name, true]);
});

test("what an image is now counts for its past, too", () => {
  const hearing = createHearing();
  const bob = user("bob", ["image.read"]);
  const past = image("public");
  hearing.note(past);
  expect(hearing.hears(bob, past)).toBe(true);
  hearing.note(image("private"));
  // Progress, which says nothing of it.
  hearing.note({ name: "image.changed", id: "i-1", data: { progress: 5 } });
  expect(hearing.hears(bob, past)).toBe(false);
  hearing.note(image("public"));
  expect(hearing.hears(bob, image("private"))).toBe(true);
});
