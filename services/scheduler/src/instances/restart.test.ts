/** What crashed is started again, if that is what was asked for. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Instance, systemClock } from "@nano/contract";
import { until, World } from "../testing/world.ts";
import { recoveredAfterMs } from "./restart.ts";

let world: World;
let ahead = 0;
const clock = { ...systemClock, now: () => Date.now() + ahead, monotonic: () => systemClock.monotonic() };
beforeEach(async () => {
  ahead = 0;
  world = await World.start({ overrides: { clock } });
});
afterEach(() => world[Symbol.asyncDispose]());

const get = (id: Instance["id"]) => world.call("instance.get", { id });
const becomes = (id: Instance["id"], state: Instance["state"]) =>
  until(`it is ${state}`, async () => (await get(id)).state === state);
const waits = (id: Instance["id"], attempt: number, seconds: number) =>
  until(`attempt ${attempt} is announced`, async () =>
    Boolean((await get(id)).stateReason?.includes(`in ${seconds} s: attempt ${attempt}.`)),
  );

test("at growing intervals, counted across restarts of the scheduler, and anew after a good while", async () => {
  const { id } = await world.created({ start: true, restart: "on-crash" });
  world.cell.become(id, "crashed");
  await waits(id, 1, 1);
  await becomes(id, "running");
  world.cell.become(id, "crashed");
  await waits(id, 2, 10);
  await world.restartScheduler({ clock });
  ahead += 10_000;
  await becomes(id, "running");
  ahead += recoveredAfterMs;
  world.cell.become(id, "crashed");
  await waits(id, 1, 1);
}, 60_000);

test("never against a person's wish, nor one that was not asked for", async () => {
  const asked = await world.created({ start: true, restart: "on-crash" });
  const plain = await world.created({ start: true });
  await world.ended(await world.call("instance.stop", { id: asked.id, force: true }));
  world.cell.become(plain.id, "crashed");
  await becomes(plain.id, "crashed");
  ahead += 3_600_000;
  await Bun.sleep(2_500);
  expect((await get(asked.id)).state).toBe("stopped");
  expect((await get(plain.id)).state).toBe("crashed");
}, 60_000);
