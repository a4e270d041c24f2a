/** What cells keep of images and media: shown with their names, cleaned, and repaired when it is damaged. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Actor, type KeptFile, operations, type Sha256 } from "@nano/contract";
import { testCellId } from "../testing/cell.ts";
import { sha256, stranger } from "../testing/images.ts";
import { codeOf, until, World } from "../testing/world.ts";
import { bytes } from "../units.ts";

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

test("a file that a cell finds damaged is fetched again, once however often it says so", async () => {
  const { cell } = world;
  const fetches = (): number => cell.count("cell.volume.fetch");
  const before = fetches();
  cell.damaged = [{ sha256, format: "qcow2" }];
  for (let beat = 0; beat < 5; beat++) cell.heartbeat();
  await until("it is whole", () => cell.damaged.length === 0);
  expect(fetches() - before).toBe(cell.fetchRounds + 1);
});

test("one that no image has stays damaged; one that cannot be fetched now is tried again", async () => {
  const { cell } = world;
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
