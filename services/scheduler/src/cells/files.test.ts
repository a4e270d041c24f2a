/** What cells keep of images and media: shown with their names, cleaned, and repaired when it is damaged. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Actor, type KeptFile, type Log, operations, type Sha256, silentLog, timestamp } from "@nano/contract";
import { testCellId } from "../testing/cell.ts";
import { readyImage, sha256, stranger } from "../testing/images.ts";
import { codeOf, until, World } from "../testing/world.ts";
import { bytes, gib } from "../units.ts";
import { givenFileMigration } from "./given.ts";

let world: World;
beforeAll(async () => {
  world = await World.start({ overrides: { repairPauseMs: 50 } });
});
afterAll(() => world[Symbol.asyncDispose]());

const [example] = operations["cell.volume.list"].example.output.items;
const kept = (more: Partial<KeptFile>): KeptFile => ({ ...(example as KeptFile), ...more });
const asking = (name: string): { actor: Actor } => ({ actor: { kind: "user", id: name, name, permissions: ["*"] } });
const other = "cd".repeat(32) as Sha256;

test("the files of a cell are shown, the largest first, named for who may see their records", async () => {
  const { cell } = world;
  expect(await world.call("cell.files", { id: cell.id })).toEqual({
    items: [],
    bytes: bytes(0),
    unusedBytes: bytes(0),
  });
  cell.files = [
    kept({ sha256, bytes: bytes(100), users: 2 }),
    kept({ sha256: other, bytes: bytes(300), users: 0 }),
    kept({ sha256, format: "iso", bytes: bytes(200), users: 0 }),
  ];
  const shown = await world.call("cell.files", { id: cell.id }, asking("ann"));
  expect(shown).toMatchObject({ bytes: 600, unusedBytes: 500 });
  expect(shown.items.map(({ image, media }) => image?.name ?? media?.name)).toEqual([undefined, "rescue", "tiny"]);
  const hidden = await world.call("cell.files", { id: cell.id }, asking(stranger));
  expect(hidden.items.some(({ image, media }) => image ?? media)).toBe(false);

  expect(await world.call("cell.clean", { id: cell.id })).toEqual({ files: 2, bytes: bytes(500) });
  expect((await world.call("cell.files", { id: cell.id })).unusedBytes).toBe(bytes(0));
});

test("of a cell that is not there, or does not answer, that is said", async () => {
  for (const name of ["cell.files", "cell.clean"] as const) {
    expect(await codeOf(world.call(name, { id: testCellId(99) }))).toBe("cell-not-found");
    const { cell } = world;
    cell.leave();
    await until("it is away", async () => !(await world.call("cell.get", { id: cell.id })).online);
    expect(await codeOf(world.call(name, { id: cell.id }))).toBe("cell-offline");
    cell.restart();
    await until("it is back", async () => (await world.call("cell.get", { id: cell.id })).online);
  }
});

test("a cell that says a file is damaged gets it only if it had it, or an instance there is made of it", async () => {
  const log: Log = { ...silentLog, warn: (message, facts) => void lines.push(`${message} ${JSON.stringify(facts)}`) };
  const lines: string[] = [];
  await using own = await World.start({ overrides: { repairPauseMs: 50, log } });
  const { cell } = own;
  const fetches = (): number => cell.count("cell.volume.fetch");
  const told = () => lines.filter((line) => line.includes("forbidden"));
  // It names an image that is ready here, and that nobody put there.
  for (const format of ["qcow2", "iso"] as const) {
    cell.damaged = [{ sha256, format }];
    await until("it is refused", () => {
      cell.heartbeat();
      return told().some((line) => line.includes(format));
    });
  }
  expect(fetches()).toBe(0);
  expect(cell.damaged).toHaveLength(1);
  // Whatever it names, so much is remembered, and so much is logged.
  cell.damaged = [];
  const before = lines.length;
  for (let beat = 0; beat < 40; beat++) {
    cell.damaged = Array.from({ length: 16 }, (_, n) => ({
      sha256: (beat * 16 + n).toString(16).padStart(64, "0") as Sha256,
      format: "qcow2",
    }));
    cell.heartbeat();
  }
  expect(fetches()).toBe(0);
  expect(lines.length - before).toBeLessThan(640);
  cell.damaged = [];

  // It gets what it is given for an instance, then and later.
  const { id } = await own.created({ systemDisk: { image: readyImage, sizeGiB: gib(3) } });
  const given = fetches();
  expect(given).toBeGreaterThan(0);
  await own.ended(await own.remove(id));
  cell.damaged = [{ sha256, format: "qcow2" }];
  await until("it is whole", () => {
    cell.heartbeat();
    return cell.damaged.length === 0;
  });
  expect(fetches()).toBeGreaterThan(given);
  // Another cell was given nothing.
  const second = await own.addCell(1);
  second.damaged = [{ sha256, format: "qcow2" }];
  await until("it is refused", () => {
    second.heartbeat();
    return told().some((line) => line.includes(second.id));
  });
  expect(second.count("cell.volume.fetch")).toBe(0);
});

test("what instances are made of is known to be given, in a database of the version before, too", async () => {
  await using own = await World.start();
  const { cell } = own;
  await own.created({ systemDisk: { image: readyImage, sizeGiB: gib(3) } });
  await own.db.deleteFrom("given_files").execute();
  const before = cell.count("cell.volume.fetch");
  cell.damaged = [{ sha256, format: "qcow2" }];
  await until("it is whole", () => {
    cell.heartbeat();
    return cell.damaged.length === 0;
  });
  expect(cell.count("cell.volume.fetch")).toBeGreaterThan(before);

  await own.db.schema.dropTable("given_files").execute();
  await givenFileMigration.up(own.db);
  expect(await own.db.selectFrom("given_files").select(["cell", "sha256"]).execute()).toEqual([
    { cell: cell.id, sha256 },
  ]);
  // A cell that is forgotten has been given nothing when it returns.
  cell.leave();
  await until("it is away", async () => !(await own.call("cell.get", { id: cell.id })).online);
  await own.call("cell.forget", { id: cell.id, force: true });
  expect(await own.db.selectFrom("given_files").selectAll().execute()).toEqual([]);
});

/** As a task does that has the cell fetch it. */
const give = async (file: Sha256): Promise<void> => {
  const given = { cell: world.cell.id, sha256: file, given_at: timestamp(0) };
  await world.db
    .insertInto("given_files")
    .values(given)
    .onConflict((c) => c.doNothing())
    .execute();
};

test("a file that a cell finds damaged is fetched again, once however often it says so", async () => {
  const { cell } = world;
  const fetches = (): number => cell.count("cell.volume.fetch");
  await give(sha256);
  const before = fetches();
  cell.damaged = [{ sha256, format: "qcow2" }];
  for (let beat = 0; beat < 5; beat++) cell.heartbeat();
  await until("it is whole", () => cell.damaged.length === 0);
  expect(fetches() - before).toBe(cell.fetchRounds + 1);
});

test("one that no image has stays damaged; one that cannot be fetched now is tried again", async () => {
  const { cell } = world;
  await give(other);
  await give(sha256);
  const before = cell.count("cell.volume.fetch");
  cell.damaged = [{ sha256: other, format: "iso" }];
  for (let beat = 0; beat < 5; beat++) {
    cell.heartbeat();
    await Bun.sleep(20);
  }
  expect(cell.damaged).toHaveLength(1);
  expect(cell.count("cell.volume.fetch")).toBe(before);

  let refusals = 0;
  cell.onCommand = (name) => {
    if (name === "cell.volume.fetch" && ++refusals < 3) throw new Error("not now");
  };
  cell.damaged = [{ sha256, format: "iso" }];
  await until("it is whole", () => cell.damaged.length === 0);
  expect(refusals).toBeGreaterThanOrEqual(3);
  cell.onCommand = () => {};
});
