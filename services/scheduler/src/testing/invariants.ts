/** What must be true of a zone whenever nothing is under way, whatever happened before. */
import { expect } from "bun:test";
import { noUsage, plusUsage } from "../instances/usage.ts";
import { fileOf } from "./cell.ts";
import type { World } from "./world.ts";

export async function expectInvariants(world: World): Promise<void> {
  const { items: tasks } = await world.call("task.list", { active: true });
  expect(tasks, "every task has ended").toEqual([]);

  const { items: instances } = await world.call("instance.list", { limit: 500 });
  expect(
    instances.filter(({ task }) => task !== undefined),
    "no lock is held",
  ).toEqual([]);
  expect(
    instances.filter(({ state }) => state === "creating" || state === "deleting"),
    "nothing is half made",
  ).toEqual([]);

  const exported = [...world.images.values()].filter(({ image }) => image.state !== "ready");
  expect(exported, "every exported image is whole").toEqual([]);

  for (const cell of world.cells) {
    expect([...cell.exports], "no copy is left").toEqual([]);
    const own = instances.filter((instance) => instance.cell === cell.id);
    expect([...cell.domains.keys()].sort(), "domains = instances").toEqual(own.map(({ id }) => id).sort());
    const disks = own.flatMap(({ id, disks, cloudInit }) => [
      ...disks.map((disk) => fileOf(id, disk)),
      ...(cloudInit ? [`${id}/seed`] : []),
    ]);
    const grounds = new Set([...cell.disks.values()].flatMap(({ over }) => over ?? []));
    const files = [...cell.disks.keys()].filter((key) => !grounds.has(key));
    expect(files.sort(), "disks = instances' disks, and what they lie over").toEqual(disks.sort());
    for (const { id, state } of own) expect<string | undefined>(state).toBe(cell.domains.get(id)?.state);

    for (const { id, snapshots } of own) expect(snapshots).toBe(cell.domains.get(id)?.snapshots?.length ?? 0);

    const sum = own
      .map(({ cores, memoryMiB, disks }) => ({
        ...noUsage,
        cores,
        memoryMiB,
        storageGiB: disks.reduce((gib, disk) => gib + disk.sizeGiB, 0),
      }))
      .reduce(plusUsage, noUsage);
    const { reserved } = await world.call("cell.get", { id: cell.id });
    expect<unknown>(reserved, "reserved = sum over instances").toEqual({
      cores: sum.cores,
      memoryMiB: sum.memoryMiB,
      storageGiB: sum.storageGiB,
    });
  }
}
