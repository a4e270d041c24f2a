/** What crashed is started again, if that is what was asked for. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Instance, NanoError, systemClock } from "@nano/contract";
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

/** From now on starts fail, as libvirt has it: it is off then. */
const failStarts = (id: Instance["id"]) => {
  world.cell.onCommand = (name) => {
    if (name !== "cell.instance.start") return;
    world.cell.become(id, "stopped", "Its last start failed.");
    throw new NanoError("hypervisor-failed", "QEMU did not come up");
  };
};

test("a start that fails is tried again, at growing intervals, until one succeeds", async () => {
  const { id } = await world.created({ start: true, restart: "on-crash" });
  const other = await world.created({ start: true, restart: "on-crash" });
  failStarts(id);
  world.cell.become(id, "crashed");
  await waits(id, 1, 1);
  for (const [attempt, seconds] of [
    [2, 10],
    [3, 60],
    [4, 300],
    [5, 300],
  ] as const) {
    await waits(id, attempt, seconds);
    expect(await get(id)).toMatchObject({ state: "stopped", stateReason: expect.stringContaining("start failed") });
    // Between two attempts the scheduler may be away.
    if (attempt === 3) await world.restartScheduler({ clock });
    ahead += seconds * 1_000;
  }
  await waits(id, 6, 300);
  const { items } = await world.call("task.list", { resource: id });
  const failed = items.filter(({ operation, state }) => operation === "instance.start" && state === "failed");
  expect(failed.map(({ actor, error }) => [actor.id, error?.code])).toEqual(
    Array.from({ length: 5 }, () => ["scheduler", "hypervisor-failed"]),
  );
  expect((await get(other.id)).state).toBe("running");
  world.cell.onCommand = () => {};
  ahead += 300_000;
  await becomes(id, "running");
  // It did not run for long.
  world.cell.become(id, "crashed");
  await waits(id, 7, 300);
}, 60_000);

test("what somebody starts, and stops, while it waits for its next start stays stopped", async () => {
  const { id } = await world.created({ start: true, restart: "on-crash" });
  failStarts(id);
  world.cell.become(id, "crashed");
  await waits(id, 2, 10);
  // By hand, outside Nano.
  world.cell.become(id, "running");
  await until("that is known", async () => (await world.db.selectFrom("restarts").selectAll().execute()).length === 0);
  world.cell.become(id, "stopped");
  await becomes(id, "stopped");
  ahead += 3_600_000;
  await Bun.sleep(2_500);
  expect((await get(id)).state).toBe("stopped");

  // By a person's own start, even one that fails.
  world.cell.onCommand = () => {};
  await world.ended(await world.call("instance.start", { id }));
  failStarts(id);
  world.cell.become(id, "crashed");
  await waits(id, 2, 10);
  expect((await world.ended(await world.call("instance.start", { id }))).state).toBe("failed");
  world.cell.onCommand = () => {};
  ahead += 3_600_000;
  await Bun.sleep(2_500);
  expect(await get(id)).toMatchObject({ state: "stopped", stateReason: "Its last start failed." });
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
