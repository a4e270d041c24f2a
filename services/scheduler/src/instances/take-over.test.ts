/**
 * Nothing that runs is ended by reconciliation: not by a fresh database, not by an old one, in whatever order the cells
 * are heard.
 */
import { afterEach, expect, test } from "bun:test";
import { copyFile, rm } from "node:fs/promises";
import type { InstanceId, Observed, PoolName } from "@nano/contract";
import fc from "fast-check";
import type { TestCell } from "../testing/cell.ts";
import { codeOf, pool, until, World } from "../testing/world.ts";

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

const deadly = ["cell.instance.undefine", "cell.instance.stop", "cell.disk.delete"] as const;
const deadlyCommands = () =>
  world.cells.flatMap(({ commands }) => commands.filter(({ name }) => deadly.some((each) => each === name)));

const databases = ["", "-wal", "-shm"];
const loseDatabase = async () => {
  for (const suffix of databases) await rm(world.databaseFile + suffix, { force: true });
};
const domainOf = (cell: TestCell, id: InstanceId) => {
  const domain = cell.domains.get(id);
  if (!domain) throw new Error("The domain is gone");
  return domain;
};
const joinPool = async () => {
  for (const cell of world.cells) {
    await until("the cell is discovered", async () => (await world.call("cell.get", { id: cell.id })).online);
    const { pool: its } = await world.call("cell.get", { id: cell.id });
    if (its === undefined) await world.call("cell.add", { id: cell.id, pool });
  }
};

test("a fresh database takes over a cell whose guests change meanwhile", async () => {
  world = await World.start({ overrides: { proofMs: 0 } });
  const guests = 1;
  for (let n = 0; n < guests; n++) await world.created({ start: true });
  const { cell } = world;
  for (let round = 0; round < 6; round++) {
    await world.stopScheduler();
    await loseDatabase();
    await world.startScheduler({ proofMs: 0 });
    await until("the cell is discovered", async () => (await world.call("cell.get", { id: cell.id })).online);
    cell.answering = () => Bun.sleep(round % 4);
    const chatter = setInterval(() => {
      for (const id of cell.domains.keys()) cell.become(id, "running");
    }, 3);
    // What is written together is told together: a report and the answer are worked on side by side.
    const others = Array.from({ length: 120 }, (_, n) => world.call("pool.create", { name: `p-${n}` as PoolName }));
    await world.call("cell.add", { id: cell.id, pool });
    await Promise.all(others);
    await until("they are taken over", async () => {
      const { items } = await world.call("instance.list", {});
      return items.filter(({ state }) => state === "running").length === guests || cell.domains.size < guests;
    });
    clearInterval(chatter);
    expect(deadlyCommands()).toEqual([]);
    expect(cell.domains.size).toBe(guests);
  }
}, 60_000);

test("an answer that waited is older than what was reported meanwhile", async () => {
  world = await World.start();
  const { id } = await world.created({ start: true });
  const { cell } = world;
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  cell.answering = () => {
    asked.resolve();
    return answer.promise;
  };
  cell.leave();
  await until("it is lost", async () => (await world.call("instance.get", { id })).state === "lost");
  cell.restart();
  await asked.promise;
  cell.become(id, "paused");
  await until("it is paused", async () => (await world.call("instance.get", { id })).state === "paused");
  answer.resolve();
  const other = await world.created();
  cell.become(other.id, "crashed");
  await until("all is heard", async () => (await world.call("instance.get", { id: other.id })).state === "crashed");
  expect((await world.call("instance.get", { id })).state).toBe("paused");
});

test("a copy of which this zone gave another cell a newer epoch goes, found so twice; its disks stay", async () => {
  world = await World.start({ cells: [{}, {}], overrides: { proofMs: 100 } });
  const { id, cell: its } = await world.created({ start: true });
  const home = world.cells.find((cell) => cell.id === its);
  const away = world.cells.find((cell) => cell.id !== its);
  if (!home || !away) throw new Error("A cell is missing");
  const domain = domainOf(home, id);
  away.domains.set(id, { ...domain, state: "running" });
  away.disks.set(`${id}/system`, { sizeGiB: 2 });
  home.domains.set(id, { ...domain, spec: { ...domain.spec, epoch: 2 } });
  // As a placement gives it out.
  await world.db.updateTable("instances").set({ assigned_epoch: 2 }).where("id", "=", id).execute();
  home.report(id);
  await until("the record has the newer epoch", async () => (await world.call("instance.get", { id })).epoch === 2);
  away.inventory();
  await until("it is shown", async () => (await world.call("stray.list", {})).items[0]?.reason === "moved");
  expect(away.domains.size).toBe(1);
  await until("it is removed", () => {
    away.inventory();
    return away.domains.size === 0;
  });
  expect(away.disks.size).toBe(1);
  expect(home.domains.size).toBe(1);
});

test("a person decides about a copy: it becomes the one on record, or it is removed", async () => {
  world = await World.start({ cells: [{}, {}] });
  const { id, cell: its } = await world.created({ start: true });
  const home = world.cells.find((cell) => cell.id === its);
  const away = world.cells.find((cell) => cell.id !== its);
  if (!home || !away) throw new Error("A cell is missing");
  expect(await codeOf(world.call("stray.adopt", { cell: away.id, id }))).toBe("instance-not-found");
  away.domains.set(id, { ...domainOf(home, id), state: "paused" });
  away.disks.set(`${id}/system`, { sizeGiB: 2 });
  away.inventory();
  await until("it is shown", async () => (await world.call("stray.list", {})).items.length === 1);

  const adopted = await world.call("stray.adopt", { cell: away.id, id });
  expect(adopted).toMatchObject({ id, cell: away.id, state: "paused" });
  home.inventory();
  await until("the other is shown", async () => {
    const { items } = await world.call("stray.list", { cell: home.id });
    return items[0]?.state === "running" && items[0].recordedOn === away.id;
  });
  expect((await world.call("cell.get", { id: home.id })).reserved.cores).toBe(0);
  expect((await world.call("cell.get", { id: away.id })).reserved.cores).toBe(1);
  expect(deadlyCommands()).toEqual([]);

  await world.call("stray.remove", { cell: home.id, id });
  expect([home.domains.size, home.disks.size]).toEqual([0, 0]);
  expect(away.domains.size).toBe(1);
  expect((await world.call("instance.get", { id })).copies).toBeUndefined();
  expect((await world.call("stray.list", {})).items).toEqual([]);
});

// --- any order of it all ---------------------------------------------------------------------------------------------

interface Said {
  readonly cell: number;
  readonly origin: { cell: TestCell["id"]; boot: string; sequence: number };
  readonly instances: Observed[];
}
const step = fc.oneof(
  fc.record({ what: fc.constant("report" as const), cell: fc.nat(1), which: fc.nat(3) }),
  fc.record({ what: fc.constant("inventory" as const), cell: fc.nat(1) }),
  fc.record({
    what: fc.constant("become" as const),
    cell: fc.nat(1),
    which: fc.nat(3),
    state: fc.constantFrom("running" as const, "paused" as const),
  }),
  fc.record({ what: fc.constant("keep-word" as const), cell: fc.nat(1) }),
  fc.record({ what: fc.constant("late-inventory" as const), which: fc.nat(5) }),
  fc.record({ what: fc.constant("late-report" as const), which: fc.nat(5) }),
  fc.record({ what: fc.constant("copy" as const), cell: fc.nat(1), which: fc.nat(3) }),
  fc.record({ what: fc.constant("slow-answers" as const), cell: fc.nat(1), ms: fc.nat(30) }),
  fc.record({ what: fc.constant("restart-cell" as const), cell: fc.nat(1) }),
  fc.record({ what: fc.constant("restart" as const), database: fc.constantFrom("same", "older", "empty") }),
);

test("in whatever order: no guest dies, and in the end the record agrees with what runs", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 16 }), async (steps) => {
      world = await World.start({ cells: [{}, {}], overrides: { proofMs: 0 } });
      const backup = `${world.databaseFile}.backup`;
      for (let n = 0; n < 2; n++) await world.created({ start: true });
      await world.stopScheduler();
      await copyFile(world.databaseFile, backup);
      await world.startScheduler({ proofMs: 0 });
      await joinPool();
      for (let n = 0; n < 2; n++) await world.created({ start: true });
      const cellAt = (n: number): TestCell => world.cells[n] ?? world.cell;
      const idOf = (cell: TestCell, n: number): InstanceId | undefined => [...cell.domains.keys()][n];
      const words: Said[] = [];
      for (const each of steps)
        switch (each.what) {
          case "report":
          case "become": {
            const cell = cellAt(each.cell);
            const id = idOf(cell, each.which);
            if (id === undefined) break;
            if (each.what === "become") cell.become(id, each.state);
            else cell.report(id);
            break;
          }
          case "inventory":
            cellAt(each.cell).inventory();
            break;
          case "keep-word": {
            const cell = cellAt(each.cell);
            words.push({ cell: each.cell, origin: cell.origin(), instances: cell.observed() });
            break;
          }
          case "late-inventory": {
            const word = words[each.which];
            if (word) cellAt(word.cell).inventoryAs(word.origin, word.instances);
            break;
          }
          case "late-report": {
            const word = words[each.which];
            for (const one of word?.instances ?? []) if (word) cellAt(word.cell).reportAs(word.origin, one.id, one);
            break;
          }
          case "copy": {
            const from = cellAt(each.cell);
            const to = cellAt(1 - each.cell);
            const id = idOf(from, each.which);
            if (id === undefined || to.domains.has(id)) break;
            to.domains.set(id, { ...domainOf(from, id) });
            to.disks.set(`${id}/system`, { sizeGiB: 2 });
            to.report(id);
            break;
          }
          case "slow-answers":
            cellAt(each.cell).answering = () => Bun.sleep(each.ms);
            break;
          case "restart-cell":
            cellAt(each.cell).restart();
            break;
          case "restart":
            await world.stopScheduler();
            if (each.database !== "same") await loseDatabase();
            if (each.database === "older") await copyFile(backup, world.databaseFile);
            await world.startScheduler({ proofMs: 0 });
            await joinPool();
        }
      await joinPool();
      for (const cell of world.cells) cell.answering = () => {};
      const strays = async () => (await world.call("stray.list", {})).items;
      await until("the record agrees with what runs", async () => {
        for (const cell of world.cells) cell.inventory();
        const { items: instances } = await world.call("instance.list", { limit: 100 });
        const shown = await strays();
        return world.cells.every((cell) =>
          [...cell.domains].every(([id, { state }]) => {
            const row = instances.find((instance) => instance.id === id);
            if (row?.cell === cell.id) return row.state === state;
            return shown.some((stray) => stray.cell === cell.id && stray.id === id && stray.state === state);
          }),
        );
      });
      expect((await strays()).filter(({ reason }) => reason !== "copy")).toEqual([]);
      expect(deadlyCommands()).toEqual([]);
      expect(new Set(world.cells.flatMap(({ domains }) => [...domains.keys()])).size).toBe(4);
      await world[Symbol.asyncDispose]();
    }),
    { numRuns: 12, seed: 18 },
  );
}, 240_000);
