import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { testCellId } from "../testing/cell.ts";
import { until, World } from "../testing/world.ts";

setDefaultTimeout(30_000);

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

test("a cell's fingerprint is the key it has proven to own, whatever its heartbeats say", async () => {
  world = await World.start({ cells: [] });
  const proven = `U${"A".repeat(55)}`;
  expect(await world.scheduler.admit(testCellId(0), proven)).toBe(true);
  // The test cells' heartbeats say "UATEST".
  const known = await world.addCell(0);
  expect((await world.call("cell.get", { id: known.id })).fingerprint).toBe(proven);
  const stranger = await world.addCell(1);
  expect((await world.call("cell.get", { id: stranger.id })).fingerprint).toBe("unknown");
  // It joins anew.
  const late = `U${"B".repeat(55)}`;
  await world.scheduler.admit(stranger.id, late);
  expect((await world.call("cell.get", { id: stranger.id })).fingerprint).toBe(late);
  await world.restartScheduler();
  await until("both are known again", async () => {
    const { items } = await world.call("cell.list", {});
    return items.every(({ online }) => online);
  });
  for (const [id, key] of [
    [known.id, proven],
    [stranger.id, late],
  ] as const)
    expect((await world.call("cell.get", { id })).fingerprint).toBe(key);
});
