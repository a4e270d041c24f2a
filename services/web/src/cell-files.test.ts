/** What a cell keeps of images and media, on its page. */
import { expect, test } from "bun:test";
import type { Bytes, Sha256 } from "@nano/contract";
import { startWorld } from "./testing/world.ts";

test("a cell's page shows the image files it keeps, and removes what nothing uses", async () => {
  await using world = await startWorld();
  const person = world.person();
  const cell = world.cloud.addCell(1);
  const page = `/cells/${cell.id}`;
  expect((await person.get(page)).text).toContain("It has fetched no image or medium yet.");

  const file = { format: "qcow2", state: "ready", bytes: (200 * 2 ** 20) as Bytes } as const;
  const image = world.cloud.addImage("debian-12");
  const medium = world.cloud.addMedia("rescue");
  world.cloud.cellFiles = [
    { ...file, sha256: "a".repeat(64) as Sha256, users: 3, image: { id: image.id, name: "<b>debian</b>" } },
    { ...file, sha256: "b".repeat(64) as Sha256, users: 1, format: "iso", media: { id: medium.id, name: "rescue" } },
    { ...file, sha256: "c".repeat(64) as Sha256, users: 0 },
    { ...file, sha256: "d".repeat(64) as Sha256, users: 2, state: "damaged" },
  ];
  const shown = await person.get(page);
  for (const text of [
    "800 MiB in all, 200 MiB of it unused",
    `href="/images/${image.id}"`,
    "&lt;b&gt;debian",
    `href="/media/${medium.id}"`,
    "3 disks",
    "1 drive",
    "No record you may see has this content",
    "damaged",
    `action="${page}/clean"`,
    "cell.clean",
  ])
    expect(shown.text).toContain(text);

  expect(await person.post(`${page}/clean`, {})).toMatchObject({ status: 303, location: page });
  const cleaned = await person.get(page);
  expect(cleaned.text).toContain("1 file was removed, 200 MiB are free again");
  expect(cleaned.text).toContain("Everything is in use.");
  await person.post(`${page}/clean`, {});
  expect((await person.get(page)).text).toContain("Nothing was removed");
  expect((await person.post("/cells/cell-aaaaaaaaaaaaaazz/clean", {})).status).toBe(303);
});

test("a part of the page that follows what happens does not have the cell look through its storage", async () => {
  await using world = await startWorld();
  const cell = world.cloud.addCell(1);
  const part = await world.person().get(`/cells/${cell.id}`, { "hx-request": "true" });
  expect(part.text).toContain(cell.name);
  expect(part.text).not.toContain("Image files");
});
