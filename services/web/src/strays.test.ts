/** What cells have and no record puts there: shown, adopted, removed; and instances that are forgotten. */
import { expect, test } from "bun:test";
import type { InstanceId, Stray } from "@nano/contract";
import { uuid } from "./testing/cloud.ts";
import { startWorld } from "./testing/world.ts";

test("a cell's page shows what no record puts there, and a person decides", async () => {
  await using world = await startWorld();
  const person = world.person();
  const cell = world.cloud.addCell(1);
  const page = `/cells/${cell.id}`;
  expect((await person.get(page)).text).not.toContain("Instances without a record here");

  const { cores, memoryMiB, disks, owner } = world.cloud.addInstance("sample");
  const stray = (name: string, more: Partial<Stray>): Stray => ({
    ...{ cell: cell.id, cellName: cell.name, id: uuid<InstanceId>(), name, reason: "forgotten", state: "running" },
    ...{ cores, memoryMiB, disks, owner },
    ...more,
  });
  const kept = stray("kept", { detail: "<b>bold</b>" });
  const twice = stray("twice", { reason: "copy", state: "stopped", recordedOn: cell.id });
  world.cloud.strays = [kept, twice];
  const { text } = await person.get(page);
  for (const shown of [
    "&lt;b&gt;bold",
    "Its record was forgotten while this cell was away.",
    "there are two of it",
    `action="${page}/strays/${kept.id}/adopt"`,
    `href="${page}/strays/${twice.id}/remove"`,
    "stray.list",
  ])
    expect(text).toContain(shown);

  // Who may not delete instances is not offered to.
  const porter = (await world.person("porter").get(page)).text;
  expect(porter).toContain(`action="${page}/strays/${kept.id}/adopt"`);
  expect(porter).not.toContain(`href="${page}/strays/${twice.id}/remove"`);

  expect(await person.post(`${page}/strays/${kept.id}/adopt`, {})).toMatchObject({
    status: 303,
    location: `/instances/${kept.id}`,
  });
  const question = await person.get(`${page}/strays/${twice.id}/remove`);
  for (const said of ["It is ended if it runs.", "Its disks on this cell", "What is on record on another cell stays."])
    expect(question.text).toContain(said);
  expect(await person.post(`${page}/strays/${twice.id}/remove`, {})).toMatchObject({ status: 303, location: page });
  expect(world.cloud.strays).toEqual([]);
  expect((await person.get(page)).text).toContain("twice was removed from node-1");
});

test("an instance with a copy elsewhere says so", async () => {
  await using world = await startWorld();
  const cell = world.cloud.addCell(1);
  const { id } = world.cloud.addInstance("web", { copies: [{ cell: cell.id, cellName: cell.name, state: "running" }] });
  const { text } = await world.person().get(`/instances/${id}`);
  expect(text).toContain("Another copy of it is on node-1 (running)");
  expect(text).toContain(`href="/cells/${cell.id}"`);
});

test("a lost instance is forgotten after a question that says what it means", async () => {
  await using world = await startWorld();
  const person = world.person();
  const running = world.cloud.addInstance("runs", { state: "running" });
  expect((await person.get(`/instances/${running.id}`)).text).toContain("Its cell answers: delete it instead.");
  const lost = world.cloud.addInstance("lost-one", { state: "lost" });
  const page = `/instances/${lost.id}`;
  expect((await person.get(page)).text).toContain(`href="${page}/forget"`);
  const question = await person.get(`${page}/forget`);
  for (const said of ["Forget lost-one?", "It may well be running there.", "Should the cell return", "instance.forget"])
    expect(question.text).toContain(said);
  expect(await person.post(`${page}/forget`, {})).toMatchObject({ status: 303, location: "/instances" });
  expect(world.cloud.instances.has(lost.id)).toBe(false);
  expect((await person.get("/instances")).text).toContain("lost-one was forgotten");
});
