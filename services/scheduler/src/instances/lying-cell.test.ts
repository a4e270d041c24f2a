/** What a cell claims of its own copy of an instance ends no other cell's. */
import { afterEach, expect, test } from "bun:test";
import { copyFile, rm } from "node:fs/promises";
import type { InstanceId } from "@nano/contract";
import fc from "fast-check";
import type { TestCell } from "../testing/cell.ts";
import { pool, until, World } from "../testing/world.ts";
import { mostAhead } from "./epochs.ts";

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

const deadly = ["cell.instance.undefine", "cell.instance.stop", "cell.disk.delete"] as const;
const endedOn = (cell: TestCell) => cell.commands.filter(({ name }) => deadly.some((each) => each === name));
const strays = async () => (await world.call("stray.list", {})).items;
const withDatabase = async (change: () => Promise<unknown>) => {
  await world.stopScheduler();
  await change();
  await world.startScheduler({ proofMs: 0 });
};
const loseDatabase = async () => {
  for (const suffix of ["", "-wal", "-shm"]) await rm(world.databaseFile + suffix, { force: true });
};
const join = async (cell: TestCell) => {
  await until("the cell is discovered", () => world.call("cell.get", { id: cell.id }).then(({ online }) => online));
  const { pool: its } = await world.call("cell.get", { id: cell.id });
  if (its === undefined) await world.call("cell.add", { id: cell.id, pool });
};
const pair = async (): Promise<{ home: TestCell; liar: TestCell }> => {
  world = await World.start({ overrides: { proofMs: 0 } });
  return { home: world.cell, liar: await world.addCell(1) };
};
/** Instances on the honest cell. */
const guests = async (liar: TestCell, count: number): Promise<InstanceId[]> => {
  await world.call("cell.disable", { id: liar.id });
  const made: InstanceId[] = [];
  for (let n = 0; n < count; n++) made.push((await world.created({ start: true })).id);
  return made;
};
const claim = (liar: TestCell, home: TestCell, id: InstanceId, epoch: number) => {
  const domain = home.domains.get(id);
  if (!domain) throw new Error("The guest is gone");
  liar.domains.set(id, { ...domain, spec: { ...domain.spec, epoch }, state: "running" });
};
/** What was said before the answer to a request is heard: twice, so that what has to be found twice is. */
const heard = async (cell: TestCell, isHeard: () => Promise<boolean>) => {
  for (let n = 0; n < 3; n++) {
    cell.inventory();
    await until("its inventory is heard", isHeard);
  }
};

test("an empty database hears a lying cell first, with a far newer epoch: both copies are shown, and none is ended", async () => {
  const { home, liar } = await pair();
  const [id] = await guests(liar, 1);
  if (!id) throw new Error("The guest is missing");
  claim(liar, home, id, mostAhead);
  await withDatabase(loseDatabase);
  await join(liar);
  await until("the lie is on record", async () => (await world.call("instance.get", { id })).cell === liar.id);
  await join(home);
  await heard(home, async () => (await strays()).some((stray) => stray.cell === home.id));
  expect(await strays()).toMatchObject([{ cell: home.id, id, reason: "copy", recordedOn: liar.id, state: "running" }]);
  expect(endedOn(home)).toEqual([]);

  // A person decides, and the zone's commands work there.
  await world.call("stray.adopt", { cell: home.id, id });
  const paused = await world.call("instance.pause", { id });
  expect((await world.ended(paused)).state).toBe("done");
  expect(home.domains.get(id)?.state).toBe("paused");
});

test("an epoch that no zone can have given out is not taken in, and lifts no record", async () => {
  const { home, liar } = await pair();
  const [id] = await guests(liar, 1);
  if (!id) throw new Error("The guest is missing");
  claim(liar, home, id, mostAhead + 1);
  await withDatabase(loseDatabase);
  await join(liar);
  await until("it is shown", async () => (await strays())[0]?.reason === "conflict");
  expect((await strays())[0]?.detail).toContain("epoch");
  await join(home);
  await until("the real one is on record", async () => (await world.call("instance.get", { id })).cell === home.id);
  await heard(liar, async () => (await strays())[0]?.reason === "copy");
  expect(endedOn(home)).toEqual([]);

  // Its own record is lifted by no such word either.
  claim(home, home, id, Number.MAX_SAFE_INTEGER);
  home.become(id, "paused");
  await until("it is heard", async () => (await world.call("instance.get", { id })).state === "paused");
  expect((await world.call("instance.get", { id })).epoch).toBe(1);
});

test("a copy that a person removes from a lying cell proves nothing about another cell's", async () => {
  const { home, liar } = await pair();
  const [id] = await guests(liar, 1);
  if (!id) throw new Error("The guest is missing");
  claim(liar, home, id, mostAhead + 1);
  await withDatabase(loseDatabase);
  await join(liar);
  await until("it is shown", async () => (await strays())[0]?.reason === "conflict");
  await world.call("stray.remove", { cell: liar.id, id });
  expect(liar.domains.has(id)).toBe(false);
  await join(home);
  await heard(home, async () => (await strays())[0]?.reason === "forgotten");
  expect(endedOn(home)).toEqual([]);
  const adopted = await world.call("stray.adopt", { cell: home.id, id });
  expect(adopted).toMatchObject({ cell: home.id, state: "running" });
  expect(adopted.epoch).toBeLessThanOrEqual(mostAhead);
});

// --- any order of it all ---------------------------------------------------------------------------------------------

const which = fc.nat(2);
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("lie" as const),
      which,
      epoch: fc.constantFrom(0, 1, 2, 3, mostAhead, mostAhead + 1, Number.MAX_SAFE_INTEGER),
      all: fc.boolean(),
    }),
  },
  fc.record({ what: fc.constant("report" as const), which }),
  fc.record({ what: fc.constant("become" as const), which, state: fc.constantFrom("running", "paused") }),
  fc.record({ what: fc.constant("inventory" as const), lying: fc.boolean() }),
  fc.record({ what: fc.constant("restart-cell" as const), lying: fc.boolean() }),
  fc.record({ what: fc.constant("join" as const), lying: fc.boolean() }),
  fc.record({ what: fc.constant("database" as const), is: fc.constantFrom("same", "older", "empty") }),
);

test("in whatever order: a lying cell ends nothing on an honest one, and what runs there is on record or shown", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 14 }), async (steps) => {
      const { home, liar } = await pair();
      const backup = `${world.databaseFile}.backup`;
      const ids = await guests(liar, 1);
      await withDatabase(() => copyFile(world.databaseFile, backup));
      await join(home);
      ids.push(...(await guests(liar, 2)));
      for (const each of steps)
        switch (each.what) {
          case "lie": {
            for (const id of each.all ? ids : ids.slice(each.which, each.which + 1)) {
              claim(liar, home, id, each.epoch);
              liar.report(id);
            }
            break;
          }
          case "report":
          case "become": {
            const id = ids[each.which];
            if (id === undefined) break;
            if (each.what === "become") home.become(id, each.state);
            else home.report(id);
            break;
          }
          case "inventory":
            (each.lying ? liar : home).inventory();
            break;
          case "restart-cell":
            (each.lying ? liar : home).restart();
            break;
          case "join":
            await join(each.lying ? liar : home);
            break;
          case "database":
            await withDatabase(async () => {
              if (each.is !== "same") await loseDatabase();
              if (each.is === "older") await copyFile(backup, world.databaseFile);
            });
        }
      await join(liar);
      await join(home);
      await until("what runs on the honest cell is on record or shown", async () => {
        liar.inventory();
        home.inventory();
        const { items } = await world.call("instance.list", {});
        const shown = await strays();
        return ids.every((id) => {
          const state = home.domains.get(id)?.state;
          const row = items.find((item) => item.id === id);
          if (row?.cell === home.id) return row.state === state;
          return shown.some((stray) => stray.cell === home.id && stray.id === id && stray.state === state);
        });
      });
      expect(endedOn(home)).toEqual([]);
      expect([...home.domains.keys()].sort()).toEqual([...ids].sort());
      await world[Symbol.asyncDispose]();
    }),
    { numRuns: 10, seed: 9, endOnFailure: true },
  );
}, 240_000);
