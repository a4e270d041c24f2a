/** The disks of an instance, without JavaScript. */
import { expect, test } from "bun:test";
import type { GiB } from "@nano/contract";
import { startWorld } from "./testing/world.ts";

test("disks are shown with what they take, added, grown, written anew and removed after a question", async () => {
  await using world = await startWorld();
  const person = world.person();
  const instance = world.cloud.addInstance("web-1", {
    state: "stopped",
    disks: [
      { name: "system", sizeGiB: 20 as GiB },
      { name: "data-1", sizeGiB: 5 as GiB },
    ],
  });
  world.cloud.missingDisks.add(`${instance.id}/data-1`);
  const page = `/instances/${instance.id}`;
  const tab = `${page}?tab=disks`;
  const shown = await person.get(tab);
  for (const text of ["Takes", "Its file is gone", "The system disk stays", "disk.grow", "disk.shrink", "disk.remove"])
    expect(shown.text.includes(text), text).toBe(true);
  const disks = () => world.cloud.instances.get(instance.id)?.disks.map(({ name, sizeGiB }) => [name, Number(sizeGiB)]);
  expect(await person.post(`${page}/disks`, { sizeGiB: "7" })).toMatchObject({ status: 303, location: tab });
  await person.post(`${page}/disks/system/grow`, { sizeGiB: "30" });
  await person.post(`${page}/disks/system/shrink`);
  const question = await person.get(`${page}/disks/data-1/remove`);
  expect(question.text).toContain("Everything on the disk data-1 of web-1 (5 GiB).");
  await person.post(`${page}/disks/data-1/remove`);
  expect(disks()).toEqual([
    ["system", 30],
    ["data-2", 7],
  ]);
  for (const wrong of ["", "-1", "2.5", "99999999", "<b>"]) {
    const refused = await person.post(`${page}/disks`, { sizeGiB: wrong });
    expect((await person.get(refused.location ?? "")).text.includes("The input does not fit"), wrong).toBe(true);
  }
  expect((await person.get(`${page}/disks/data-9/remove`)).status).toBe(404);
});
