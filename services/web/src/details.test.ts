/**
 * Small things that people read: the way to a page, an address in a list, what counts as promised, what a disk shares.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { GiB } from "@nano/contract";
import { assetPath } from "./http/assets.ts";
import { startWorld, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  world.cloud.addPool("default");
});
afterAll(() => world[Symbol.asyncDispose]());

const crumbsOf = (text: string): string[] =>
  [...(/<nav class="crumbs".*?<\/nav>/s.exec(text)?.[0] ?? "").matchAll(/>([^<>]+)<\/(?:a|span)>/g)].map(
    ([, crumb = ""]) => crumb,
  );

test("the way to an instance's pages is one: zone, list, instance, what is done", async () => {
  const { id } = world.cloud.addInstance("web-1", { state: "running" });
  const person = world.person();
  const way = ["Test zone", "Instances", "web-1"];
  for (const [path, last] of [
    ["", undefined],
    ["/console", "Console"],
    ["/serial", "Serial console"],
    ["/clone", "Clone"],
    ["/delete", "Delete"],
  ] as const) {
    const { text } = await person.get(`/instances/${id}${path}`);
    expect(crumbsOf(text), path).toEqual([...way, ...(last === undefined ? [] : [last])]);
  }
});

test("the way to a cell's pages is one, through its pool; without a pool, through the list of cells", async () => {
  const { cloud } = world;
  const cell = cloud.addCell(8);
  const { pool: _, ...free } = cloud.addCell(9);
  cloud.cells.set(free.id, free);
  const person = world.person();
  for (const [path, ...way] of [
    [`/cells/${cell.id}`, "default", cell.name],
    [`/cells/${cell.id}/remove`, "default", cell.name, "Remove"],
    [`/cells/${cell.id}/forget`, "default", cell.name, "Forget"],
    [`/cells/${free.id}`, "Cells", free.name],
    [`/cells/${free.id}/forget`, "Cells", free.name, "Forget"],
  ])
    expect(crumbsOf((await person.get(path ?? "")).text)).toEqual(["Test zone", "Pools", ...way]);
});

test("an instance's second line is its address, whatever else is known of it", async () => {
  world.cloud.addInstance("quiet-1", { addresses: [], description: "The one that says nothing" });
  const { text } = await world.person().get("/instances?search=quiet-1");
  expect(text).toContain("No address known");
  expect(text).not.toContain("The one that says nothing");
});

test("what is promised says that instances that are off count", async () => {
  const cell = world.cloud.addCell(1);
  const person = world.person();
  expect((await person.get("/pools/default")).text).toContain("Instances that are off count, too");
  expect((await person.get(`/cells/${cell.id}`)).text).toContain("counts instances that are off, too");
});

test("a disk shares with clones only while there is one", async () => {
  const disks = [{ name: "system", sizeGiB: 20 as GiB, backing: "shared" as const }];
  const source = world.cloud.addInstance("source", { disks });
  const clone = world.cloud.addInstance("clone", { disks });
  const tab = async () => (await world.person().get(`/instances/${source.id}?tab=disks`)).text;
  expect(await tab()).toContain("shares the file under it with linked clones");
  world.cloud.instances.delete(clone.id);
  expect(await tab()).toContain("based on a file that no other disk uses now");
});

test("a decision says what cells lack, in words", async () => {
  const removed = [{ rule: "memory", count: 2, examples: [] }];
  const { id } = world.cloud.addDecision({ removed });
  const instance = world.cloud.addInstance("placed", { decision: id });
  const { text } = await world.person().get(`/instances/${instance.id}?tab=why`);
  expect(text).toContain("too little free memory");
  expect(text).not.toContain("removed 2");
});

test("files are sent as the client takes them, brotli first", async () => {
  const ask = (accepted: string) =>
    fetch(`${world.base}${assetPath("app.css")}`, { headers: { "Accept-Encoding": accepted } });
  const plain = await (await ask("identity")).text();
  for (const [accepted, encoding] of [
    ["gzip, deflate, br", "br"],
    ["gzip, br;q=0", "gzip"],
    ["gzip;q=0.000", null],
    ["identity", null],
  ] as const) {
    const answer = await ask(accepted);
    expect(answer.headers.get("content-encoding"), accepted).toBe(encoding);
    expect(await answer.text()).toBe(plain);
  }
});
