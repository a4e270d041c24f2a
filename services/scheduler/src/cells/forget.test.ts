/** Cells that never return: forgotten by a person, or dropped when nobody ever wanted them. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { connectBus } from "@nano/bus";
import { expelUsers } from "@nano/bus/expel";
import { createCellKey, credentialsOf, openCellMint } from "@nano/bus/identity";
import { type CellId, type Clock, silentLog, timestamp } from "@nano/contract";
import { cellIdOf } from "@nano/discovery";
import { TestCell, testCellId } from "../testing/cell.ts";
import { codeOf, until, World } from "../testing/world.ts";
import { findCell, insertCell, updateCell } from "./store.ts";

setDefaultTimeout(60_000);

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

test("a cell that never returns is forgotten, with its instances when forced; its name and theirs are free", async () => {
  world = await World.start({ cells: [{}] });
  const { cell } = world;
  const instance = await world.created();
  cell.leave();
  await cell.stop();
  await until("it is away", async () => !(await world.call("cell.get", { id: cell.id })).online);
  expect(await codeOf(world.call("cell.forget", { id: cell.id }))).toBe("cell-not-empty");
  await world.call("cell.forget", { id: cell.id, force: true });
  expect(await codeOf(world.call("cell.get", { id: cell.id }))).toBe("cell-not-found");
  expect(await codeOf(world.call("instance.get", { id: instance.id }))).toBe("instance-not-found");
  expect((await world.call("pool.list", {})).items[0]?.cells.total).toBe(0);
  // A tombstone stays, also when the scheduler starts again.
  const { items } = await world.call("cell.forgotten", {});
  expect(items).toMatchObject([{ id: cell.id, name: cell.options.name ?? expect.any(String), fingerprint: "unknown" }]);
  await world.restartScheduler();
  expect(await world.call("cell.forgotten", {})).toEqual({ items, total: 1 });
  expect(await world.scheduler.admit(cell.id, "UTEST")).toBe(false);
  const back = await world.startCellAgain(cell);
  back.inventory();
  await Bun.sleep(300);
  expect(await codeOf(world.call("cell.get", { id: cell.id }))).toBe("cell-not-found");
  await world.call("cell.readmit", { id: cell.id });
  expect((await world.call("cell.forgotten", {})).total).toBe(0);
  expect(await codeOf(world.call("cell.readmit", { id: cell.id }))).toBe("cell-not-found");
  expect(await world.scheduler.admit(cell.id, "UTEST")).toBe(true);
  await until("it is discovered again", () =>
    world.call("cell.get", { id: cell.id }).then(({ online, pool }) => online && pool === undefined),
  );
});

test("a forgotten cell's connection ends at once and is refused, also by a nats-server that starts again, until it is readmitted", async () => {
  world = await World.start({ cells: [] });
  const { testBus } = world;
  const directory = join(testBus.directory, "nats");
  await world.restartScheduler({ expel: (expelled) => expelUsers(directory, testBus.url, expelled) });
  const mint = await openCellMint(directory);
  const { seed, publicKey } = createCellKey();
  const id = cellIdOf(publicKey);
  expect(await world.scheduler.admit(id, publicKey)).toBe(true);
  let jwt = await mint.mint(id, publicKey);
  const bus = connectBus({
    url: testBus.url,
    credentials: () => credentialsOf(jwt, seed),
    name: id,
    version: "0.1.0",
    log: silentLog,
  });
  try {
    await bus.ready();
    const versions = { nano: "0.1.0" };
    const load = { cpuPercent: 0, memoryUsedMiB: 0, storageUsedGiB: 0 };
    let sequence = 0;
    const beat = () =>
      bus.report("heartbeat", {
        ...{ cell: id, boot: "one", sequence: sequence++, name: "rogue", address: "127.0.0.1", versions },
        ...{ virtualization: "simulated", capacity: { cores: 0, memoryMiB: 0, storageGiB: 0 }, load, network: "user" },
        ...{ fingerprint: publicKey, problems: [] },
      } as never);
    await until("it is discovered", () => {
      beat();
      return world.call("cell.get", { id }).then(({ online }) => online);
    });
    await world.call("cell.forget", { id });
    await until("its connection is gone", () => !bus.connected);
    expect(await world.scheduler.admit(id, publicKey)).toBe(false);
    const other = await testBus.bus("web");
    await other.ready();
    await testBus.kill();
    await testBus.start();
    await until("others are back", () => other.connected && world.bus.connected);
    await Bun.sleep(1_500);
    expect(bus.connected).toBe(false);

    await until("it can be asked for", () => world.call("cell.list", {}, { deadlineMs: 500 }).then(() => true));
    await world.call("cell.readmit", { id });
    expect(await world.scheduler.admit(id, publicKey)).toBe(true);
    jwt = await mint.mint(id, publicKey);
    await until("it is back", () => bus.connected);
  } finally {
    await bus.close();
  }
});

test("a discovered cell that nobody added and that is silent for an hour is dropped; one in a pool stays", async () => {
  let offset = 0;
  const clock: Clock = { now: () => Date.now() + offset, monotonic: () => performance.now() };
  world = await World.start({ cells: [{}, {}], overrides: { clock } });
  const [kept, unwanted] = world.cells;
  if (!kept || !unwanted) throw new Error("Two cells were asked for");
  await world.call("cell.remove", { id: unwanted.id });
  for (const cell of [kept, unwanted]) {
    cell.leave();
    await cell.stop();
  }
  await until("both are away", async () => (await world.call("cell.list", {})).items.every(({ online }) => !online));
  expect((await world.call("cell.list", {})).total).toBe(2);
  offset = 3_600_001;
  await until("one is dropped", async () => (await world.call("cell.list", {})).total === 1);
  expect((await world.call("cell.list", {})).items.map(({ id }) => id)).toEqual([kept.id]);
  // No tombstone: it is discovered anew when it is there.
  expect(await world.scheduler.admit(unwanted.id, "UTEST")).toBe(true);
});

test("discovered cells are 1,024 at most: the one silent longest makes room, those in a pool and those that answer stay", async () => {
  world = await World.start({ cells: [{}] });
  const { cell } = world;
  cell.leave();
  await cell.stop();
  const { discoveredAt } = await world.call("cell.get", { id: cell.id });
  const seen = (n: number) => timestamp(Date.parse(discoveredAt) - 1_000_000 + n);
  const [first, ...others] = Array.from({ length: 1_024 }, (_, n) => testCellId(100 + n));
  const stored = await findCell(world.db, cell.id);
  if (!first || !stored) throw new Error("The cell is not on record");
  await world.db.transaction().execute(async (trx) => {
    for (const [n, id] of [first, ...others].entries())
      await insertCell(trx, { ...stored, id, name: `silent-${n}`, pool: null, lastSeenAt: seen(n) });
    // Longer than all of them, and in a pool.
    await updateCell(trx, cell.id, { lastSeenAt: seen(-1) });
  });
  await world.restartScheduler();
  const unassigned = async () => (await world.call("cell.list", { unassigned: true, limit: 1 })).total;
  expect(await unassigned()).toBe(1_024);
  const isThere = (id: CellId) =>
    world.call("cell.get", { id }).then(
      () => true,
      () => false,
    );

  const stranger = await TestCell.start(world.testBus, { id: testCellId(2_000), name: "stranger" });
  world.cells.push(stranger);
  await until("it is discovered", () => isThere(stranger.id));
  expect(await unassigned()).toBe(1_024);
  expect(await isThere(first)).toBe(false);
  expect(await isThere(cell.id)).toBe(true);

  const another = await TestCell.start(world.testBus, { id: testCellId(2_001), name: "another" });
  world.cells.push(another);
  await until("it is discovered", () => isThere(another.id));
  expect(await unassigned()).toBe(1_024);
  expect(await isThere(stranger.id)).toBe(true);
  expect((await world.call("cell.forgotten", {})).total).toBe(0);
});
