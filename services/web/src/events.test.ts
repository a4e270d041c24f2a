/** Events as people read them, and pages that are compressed unless they hold a secret. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { isFailure, newsOf, type PastEvent } from "./events/news.ts";
import { startWorld, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const at = (second: number) => new Date(Date.UTC(2026, 10, 30, 9, 0, second)).toISOString();
let sequence = 0;
const event = (name: string, id: string, second: number, data: PastEvent["data"], requestId?: string): PastEvent => ({
  sequence: ++sequence,
  ...{ name, id, at: at(second), data, ...(requestId === undefined ? {} : { requestId }) },
});
const task = (state: string, second: number) =>
  event("task.changed", "t1", second, { operation: "instance.start", resource: "i1", name: "web-1", state }, "r1");
const instance = (state: string, second: number, requestId?: string) =>
  event("instance.changed", "i1", second, { name: "web-1", state }, requestId);

test("one action is one row, whatever it announced; what comes later by itself is another", () => {
  const news = newsOf([
    ...[task("queued", 0), task("running", 0), instance("running", 1, "r1"), task("done", 1), instance("running", 2)],
    ...[event("cell.load", "c1", 3, {}), instance("crashed", 60), instance("crashed", 61)],
  ]);
  expect(news.map(({ name, data }) => `${name} ${data.state}`)).toEqual([
    "instance.changed crashed",
    "task.changed done",
  ]);
  expect(news.map(isFailure)).toEqual([true, false]);
});

test("events are sentences that name things, filtered by what they are about and how it went", async () => {
  const { cloud } = world;
  const web = cloud.addInstance("web-1");
  await cloud.emit("session.created", "u1", { name: "admin" });
  await cloud.emit("instance.changed", cloud.addInstance("try-a").id, { name: "try-a", state: "running" });
  const failed = { operation: "snapshot.delete", resource: web.id, name: "web-1", state: "failed", progress: 0 };
  await cloud.emit("task.changed", cloud.addTask("snapshot.delete", web).id, failed);
  const person = world.person();
  const { text } = await person.get("/tasks?view=events");
  for (const said of ["admin logged in", "try-a is running", "Deleting a snapshot of web-1 failed"])
    expect(text).toContain(said);
  const failures = (await person.get("/tasks?view=events&result=failed")).text;
  expect(failures).toContain("Deleting a snapshot of web-1 failed");
  expect(failures).not.toContain("try-a is running");
  const people = (await person.get("/tasks?view=events&resource=person")).text;
  expect(people).toContain("admin logged in");
  expect(people).not.toContain("try-a is running");
  expect((await person.get("/tasks?view=events&search=nothing-like-it")).text).toContain("Nothing like that");
});

test("pages are compressed for who can take it; streams, changes and pages with a secret are not", async () => {
  const headers = { "Accept-Encoding": "gzip", Cookie: `nano_session=${world.cloud.logIn("admin")}` };
  const encoding = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${world.base}${path}`, { ...init, headers: { ...headers, ...init.headers } });
    await answer.body?.cancel();
    return answer.headers.get("content-encoding");
  };
  expect(await encoding("/instances/new")).toBe("gzip");
  expect(await encoding("/instances/new", { headers: { "Accept-Encoding": "identity" } })).toBeNull();
  expect(await encoding("/events?topics=instance")).toBeNull();
  const image = world.cloud.addImage("arriving", { state: "uploading" });
  expect(await encoding(`/images/${image.id}/upload`)).toBeNull();
});
