/** Cells that are forgotten, and let in again. */
import { expect, test } from "bun:test";
import { startWorld } from "./testing/world.ts";

test("a cell that never returns is forgotten after a question that says what it means, and readmitted from the list", async () => {
  await using world = await startWorld();
  const person = world.person();
  const { cloud } = world;
  const instances = { total: 23, running: 0 };
  const cell = cloud.addCell(1, { online: false, instances });
  for (let i = 10; i < 33; i++) cloud.addInstance(`web-${i}`, { cell: cell.id, state: "lost" });
  cloud.addInstance("elsewhere");
  const page = `/cells/${cell.id}`;
  for (const path of [page, "/cells"]) expect((await person.get(path)).text).toContain(`href="${page}/forget"`);
  expect((await person.get("/cells")).text).not.toContain("Forgotten cells");

  // Its instances would go with it.
  for (const path of [page, "/cells", `${page}/forget`]) {
    const porter = (await world.person("porter").get(path)).text;
    expect(porter).toContain("You may not do this.");
    expect(porter).not.toContain(`href="${page}/forget"`);
  }

  const { text } = await person.get(`${page}/forget`);
  for (const said of [
    "Forget the cell node-1?",
    "its name is free",
    "Its key is refused until it is readmitted.",
    "Nothing is deleted on its host.",
    "23 instances on it are forgotten with it:",
    "web-10",
    "web-29",
    "and 3 more",
    "cell.forget",
    `name="force" value="yes"`,
  ])
    expect(text).toContain(said);
  expect(text).not.toContain("elsewhere");
  // Without what the page says of its instances, nothing is forgotten.
  expect(await person.post(`${page}/forget`, {})).toMatchObject({ status: 303, location: page });
  expect(cloud.cells.has(cell.id)).toBe(true);
  expect(await person.post(`${page}/forget`, { force: "yes" })).toMatchObject({ status: 303, location: "/cells" });
  expect(cloud.cells.has(cell.id)).toBe(false);
  const list = (await person.get("/cells")).text;
  for (const shown of ["The cell node-1 was forgotten", "Forgotten cells", `action="${page}/readmit"`, cell.id])
    expect(list).toContain(shown);

  expect(await person.post(`${page}/readmit`, { name: "node-1" })).toMatchObject({ status: 303, location: "/cells" });
  const after = (await person.get("/cells")).text;
  expect(after).toContain("node-1 may join again");
  expect(after).not.toContain("Forgotten cells");
  // By hand, once more.
  expect(await person.post(`${page}/readmit`, {})).toMatchObject({ status: 303, location: "/cells" });
});

test("one that works is taken out of its pool first; a stranger that answers is kept away", async () => {
  await using world = await startWorld();
  const person = world.person();
  const cell = world.cloud.addCell(1);
  const why = "The cell answers: take it out of its pool first.";
  for (const path of [`/cells/${cell.id}`, "/cells", `/cells/${cell.id}/forget`]) {
    const { text } = await person.get(path);
    expect(text).toContain(why);
    expect(text).not.toContain(`href="/cells/${cell.id}/forget"`);
  }
  const { pool: _, ...stranger } = world.cloud.addCell(2, { instances: { total: 0, running: 0 } });
  world.cloud.cells.set(stranger.id, stranger);
  expect((await person.get(`/cells/${stranger.id}`)).text).toContain(`href="/cells/${stranger.id}/forget"`);
  const { text } = await person.get(`/cells/${stranger.id}/forget`);
  for (const said of ["its connection is ended at once", "It hosts no instance."]) expect(text).toContain(said);
  expect(text).not.toContain(why);
  expect(await person.post(`/cells/${stranger.id}/forget`, {})).toMatchObject({ status: 303, location: "/cells" });
  expect(world.cloud.forgotten.has(stranger.id)).toBe(true);
});
