import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Instance, type InstanceState, type Observed, offlineAfterMs } from "@nano/contract";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, idOf, pool, until, World } from "../testing/world.ts";
import { gib } from "../units.ts";

let world: World;
beforeEach(async () => {
  world = await World.start({ overrides: { proofMs: 200 } });
});
afterEach(() => world[Symbol.asyncDispose]());

const get = (instance: Pick<Instance, "id">) => world.call("instance.get", { id: instance.id });
const becomes = (instance: Pick<Instance, "id">, state: InstanceState) =>
  until(`it is ${state}`, async () => (await get(instance)).state === state);
/** Everything reported before this has been worked on. */
const heard = async () => {
  const marker = await world.created();
  world.cell.become(marker.id, "crashed");
  await becomes(marker, "crashed");
  world.cell.become(marker.id, "stopped");
  await becomes(marker, "stopped");
  await world.ended(await world.remove(marker.id));
};

describe("what a cell says", () => {
  test("becomes the instance's state", async () => {
    const instance = await world.created({ start: true });
    for (const state of ["paused", "running", "crashed", "stopped"] as const) {
      world.cell.become(instance.id, state);
      await becomes(instance, state);
    }
  });

  test("is not believed twice, late, or of an earlier boot", async () => {
    const instance = await world.created({ start: true });
    const [now] = world.cell.observed();
    if (!now) throw new Error("The domain is missing");
    const wrong: Observed = { ...now, state: "crashed" };
    const old = world.cell.origin();
    const news = world.cell.origin();
    world.cell.reportAs(news, instance.id, { ...now, state: "paused" });
    await becomes(instance, "paused");
    world.cell.reportAs(old, instance.id, wrong);
    world.cell.reportAs(news, instance.id, wrong);
    await heard();
    expect((await get(instance)).state).toBe("paused");

    world.cell.restart();
    world.cell.become(instance.id, "running");
    await becomes(instance, "running");
    world.cell.reportAs({ ...old, sequence: 9_999 }, instance.id, wrong);
    await heard();
    expect((await get(instance)).state).toBe("running");
  });

  test("about another cell's instance changes nothing: the copy is shown", async () => {
    const instance = await world.created({ start: true });
    const other = await world.addCell(1);
    const [now] = world.cell.observed();
    if (!now) throw new Error("The domain is missing");
    other.reportAs(other.origin(), instance.id, { ...now, state: "paused" });
    await until("it is shown", async () => (await world.call("stray.list", { cell: other.id })).items.length === 1);
    const { items } = await world.call("stray.list", {});
    expect(items).toMatchObject([
      { cell: other.id, id: instance.id, reason: "copy", state: "paused", recordedOn: world.cell.id },
    ]);
    expect(await get(instance)).toMatchObject({
      state: "running",
      cell: world.cell.id,
      copies: [{ cell: other.id, cellName: "node-1", state: "paused" }],
    });
    expect((await world.call("cell.get", { id: other.id })).strays).toBe(1);
    expect((await world.call("cell.get", { id: world.cell.id })).strays).toBeUndefined();
    other.inventory();
    await until("it is gone", async () => (await world.call("stray.list", {})).items.length === 0);
    expect(other.count("cell.instance.undefine")).toBe(0);
    expect(await codeOf(Promise.resolve(expectInvariants(world)))).toBe("no error");
  });
});

describe("a domain that is gone", () => {
  test("is missing at once when the cell says so, and can be deleted", async () => {
    const instance = await world.created();
    world.cell.vanish(instance.id);
    await becomes(instance, "missing");
    expect(await codeOf(world.call("instance.start", { id: instance.id }))).toBe("wrong-state");
    expect((await world.ended(await world.remove(instance.id))).state).toBe("done");
    await expectInvariants(world);
  });

  test("is missing after two inventories without it, and comes back with one that has it", async () => {
    const instance = await world.created();
    const domain = world.cell.domains.get(instance.id);
    if (!domain) throw new Error("The domain is missing");
    world.cell.domains.delete(instance.id);
    world.cell.inventory();
    await heard();
    expect((await get(instance)).state).toBe("stopped");
    world.cell.inventory();
    await becomes(instance, "missing");
    world.cell.domains.set(instance.id, domain);
    world.cell.inventory();
    await becomes(instance, "stopped");
  });

  test("is not made out of an answer that was given before the instance was made", async () => {
    await world.call("cell.remove", { id: world.cell.id });
    const { cell } = world;
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    cell.answering = () => {
      asked.resolve();
      return answer.promise;
    };
    await world.call("cell.add", { id: cell.id, pool });
    await asked.promise;
    const instance = await world.created();
    answer.resolve();
    await heard();
    cell.domains.delete(instance.id);
    cell.inventory();
    await heard();
    expect((await get(instance)).state).toBe("stopped");
  });
});

describe("a cell that goes", () => {
  test("with a word: its instances are lost at once, and back when it is", async () => {
    const instance = await world.created({ start: true });
    world.cell.leave();
    await becomes(instance, "lost");
    expect((await get(instance)).stateReason).toContain("its cell service was stopped");
    expect(await codeOf(world.call("instance.start", { id: instance.id }))).toBe("cell-offline");
    expect(await codeOf(world.call("instance.delete", { id: instance.id }))).toBe("cell-offline");
    expect(await codeOf(world.call("instance.screen", { id: instance.id }))).toBe("cell-offline");
    expect(await codeOf(world.create())).toBe("no-room");
    world.cell.restart();
    await becomes(instance, "running");
    expect((await world.call("zone.get", {})).cells).toEqual({ online: 1, offline: 0, unassigned: 0 });
  });

  test("without a word: its instances are lost after a while", async () => {
    const instance = await world.created({ start: true });
    world.cell.rest();
    await becomes(instance, "lost");
    world.cell.beat();
    await becomes(instance, "running");
    expect(offlineAfterMs).toBeLessThan(5_000);
  });

  test("while the scheduler is away: its instances are lost once it is missed", async () => {
    const instance = await world.created({ start: true });
    await world.stopScheduler();
    world.cell.rest();
    await world.startScheduler();
    await becomes(instance, "lost");
  });

  test("is not blamed for the bus being away", async () => {
    const instance = await world.created({ start: true });
    await world.testBus.kill();
    await Bun.sleep(offlineAfterMs + 500);
    await world.testBus.start();
    await until("the scheduler answers", () => get(instance).then(() => true));
    const { items } = await world.call("event.list", { id: world.cell.id });
    expect(items.map(({ name }) => name)).not.toContain("cell.offline");
    expect((await get(instance)).state).toBe("running");
  }, 20_000);
});

describe("a database restored from a backup", () => {
  test("takes over what only the cell knows", async () => {
    const instance = await world.created({ start: true, dataDisks: [{ sizeGiB: gib(1) }] });
    await world.db.deleteFrom("instances").execute();
    world.cell.inventory();
    await until("it is back", () => get(instance).then(() => true));
    expect(await get(instance)).toMatchObject({
      name: instance.name,
      state: "running",
      pool,
      mac: instance.mac,
      disks: instance.disks,
      owner: instance.owner,
    });
    await expectInvariants(world);
  });

  test("does not bring back what was deleted, once it was seen twice", async () => {
    const instance = await world.created({ start: false });
    const domain = world.cell.domains.get(instance.id);
    if (!domain) throw new Error("The domain is missing");
    await world.ended(await world.remove(instance.id));
    const asked = world.cell.count("cell.instance.undefine");
    world.cell.domains.set(instance.id, domain);
    world.cell.disks.set(`${instance.id}/system`, { sizeGiB: 2 });
    world.cell.inventory();
    await until("it is shown", async () => (await world.call("stray.list", {})).items[0]?.reason === "deleted");
    expect(world.cell.count("cell.instance.undefine")).toBe(asked);
    await until("it is removed", () => {
      world.cell.inventory();
      return world.cell.domains.size === 0 && world.cell.disks.size === 0;
    });
    expect(await codeOf(get(instance))).toBe("instance-not-found");
    world.cell.inventory();
    await until("nothing is shown any more", async () => (await world.call("stray.list", {})).items.length === 0);
  });
});

describe("the power button", () => {
  test("shows `stopping` until the guest follows", async () => {
    world.cell.followsPowerButton = false;
    const instance = await world.created({ start: true });
    const stop = await world.call("instance.stop", { id: instance.id });
    await becomes(instance, "stopping");
    world.cell.inventory();
    await heard();
    expect((await get(instance)).state).toBe("stopping");
    expect((await world.call("task.get", { id: stop.id })).state).toBe("running");
    const forced = await world.ended(await world.call("instance.stop", { id: instance.id, force: true }));
    expect(forced.state).toBe("done");
    expect((await get(instance)).state).toBe("stopped");
    expect((await world.ended(stop)).state).toBe("done");
  });

  test("is ignored: the task fails when the guest's time is over, and the instance runs and can be forced", async () => {
    world.cell.followsPowerButton = false;
    const instance = await world.created({ start: true });
    const stop = await world.ended(await world.call("instance.stop", { id: instance.id, timeoutSeconds: 1 }));
    expect(stop).toMatchObject({ state: "failed", error: { code: "guest-not-following" } });
    expect(stop.error?.message).toBe(`${instance.name} did not shut down within 1 s`);
    world.cell.inventory();
    await heard();
    expect(await get(instance)).toMatchObject({ state: "running", stateReason: expect.stringContaining("within 1 s") });
    const reboot = await world.ended(await world.call("instance.reboot", { id: instance.id, timeoutSeconds: 1 }));
    expect(reboot).toMatchObject({ state: "failed", error: { code: "guest-not-following" } });
    expect((await world.ended(await world.call("instance.reboot", { id: instance.id, force: true }))).state).toBe(
      "done",
    );
    await world.ended(await world.call("instance.stop", { id: instance.id, force: true }));
    expect((await get(instance)).state).toBe("stopped");
  });

  test("is answered with a restart: the task says so, and the instance runs", async () => {
    world.cell.followsPowerButton = false;
    const instance = await world.created({ start: true });
    const stop = await world.call("instance.stop", { id: instance.id });
    await becomes(instance, "stopping");
    await world.ended(await world.call("instance.reboot", { id: instance.id, force: true }));
    const ended = await world.ended(stop);
    expect(ended.error?.message).toBe(`${instance.name} was restarted before it had shut down`);
    await becomes(instance, "running");
  });

  test("needs no slot while the guest takes its time, and a cancelled wait leaves the guest alone", async () => {
    world.cell.followsPowerButton = false;
    const instance = await world.created({ start: true });
    const stop = await world.call("instance.stop", { id: instance.id });
    await becomes(instance, "stopping");
    await until("it waits", async () => (await world.call("task.get", { id: stop.id })).steps[1]?.state === "running");
    await world.call("task.cancel", { id: stop.id });
    expect((await world.ended(stop)).state).toBe("cancelled");
    expect((await get(instance)).state).toBe("stopping");
    world.cell.become(instance.id, "stopped");
    await becomes(instance, "stopped");
  });
});

test("an undo whose cell is away is not forgotten: the task says what it waits for, and ends when the cell is back", async () => {
  world.cell.onCommand = async (name) => {
    if (name !== "cell.instance.define") return;
    await world.cell.stop();
  };
  const task = await world.create();
  await until("it says what it waits for", async () => {
    const { obstacle } = await world.call("task.get", { id: task.id });
    return obstacle?.includes("node-0 does not answer") === true;
  });
  await world.call("task.cancel", { id: task.id });
  await until("it unwinds", async () => (await world.call("task.get", { id: task.id })).state === "unwinding");
  await world.restartScheduler();
  expect((await world.call("task.get", { id: task.id })).state).toBe("unwinding");
  await world.startCellAgain(world.cell);
  expect((await world.ended(task)).state).toBe("cancelled");
  expect(await codeOf(world.call("instance.get", { id: idOf(task) }))).toBe("instance-not-found");
  await expectInvariants(world);
}, 30_000);

describe("what an older version made, and no zone has claimed", () => {
  const unclaim = (instance: Pick<Instance, "id">) => {
    const domain = world.cell.domains.get(instance.id);
    if (!domain) throw new Error("The domain is missing");
    domain.unclaimed = true;
  };

  test("is claimed where a record puts it, and goes on as it is", async () => {
    const instance = await world.created({ start: true });
    unclaim(instance);
    world.cell.report(instance.id);
    await until("it is claimed", () => world.cell.count("cell.instance.claim") === 1);
    world.cell.inventory();
    await heard();
    expect(await get(instance)).toMatchObject({ state: "running", name: instance.name });
    expect(world.cell.observed().some(({ unclaimed }) => unclaimed)).toBe(false);
    expect(world.cell.count("cell.instance.claim")).toBe(1);
    for (const name of ["cell.instance.undefine", "cell.instance.stop"] as const)
      expect(world.cell.commands.filter((each) => each.name === name).map(({ input }) => input)).not.toContainEqual(
        expect.objectContaining({ id: instance.id }),
      );
  });

  test("is nobody's where no record puts it: it is neither taken over nor removed", async () => {
    const [kept, deleted] = [await world.created({ start: true }), await world.created()];
    const other = await world.addCell(1);
    const [copy] = world.cell.observed();
    const gone = world.cell.domains.get(deleted.id);
    if (!copy || !gone) throw new Error("The domains are missing");
    await world.ended(await world.remove(deleted.id));
    const stranger = crypto.randomUUID() as Instance["id"];
    const spec = { ...copy.spec, id: stranger, name: "strange", mac: "52:54:00:00:00:01" };
    other.domains.set(kept.id, { spec: copy.spec, state: "running", unclaimed: true });
    other.domains.set(stranger, { spec, state: "running", unclaimed: true });
    other.domains.set(deleted.id, { ...gone, state: "running", unclaimed: true });
    other.inventory();
    for (const id of [...other.domains.keys()]) other.report(id);
    // What comes after them has been heard.
    await world.call("cell.disable", { id: world.cell.id });
    const marker = await world.created();
    other.become(marker.id, "crashed");
    await becomes(marker, "crashed");
    expect(other.domains.size).toBe(4);
    for (const name of [
      "cell.instance.undefine",
      "cell.instance.stop",
      "cell.instance.claim",
      "cell.disk.delete",
    ] as const)
      expect(other.count(name)).toBe(0);
    expect((await world.call("instance.list", {})).items.map(({ id }) => id).sort()).toEqual(
      [kept.id, marker.id].sort(),
    );
    expect(await get(kept)).toMatchObject({ cell: world.cell.id, state: "running" });
    const { items } = await world.call("stray.list", { cell: other.id });
    expect(new Map(items.map(({ id, reason }) => [id, reason]))).toEqual(
      new Map([
        [kept.id, "copy"],
        [stranger, "unclaimed"],
        [deleted.id, "unclaimed"],
      ]),
    );

    // A person says that it is this zone's.
    const adopted = await world.call("stray.adopt", { cell: other.id, id: stranger });
    expect(adopted).toMatchObject({ id: stranger, name: "strange", cell: other.id, state: "running" });
    expect(other.domains.get(stranger)?.unclaimed).toBeUndefined();
    expect(other.count("cell.instance.claim")).toBe(1);
  });
});
