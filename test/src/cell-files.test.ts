/**
 * What a cell keeps of images, in a whole cloud: fetched once, repaired when it is harmed, removed when nothing needs
 * it.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { CellId, ImageId, Input, InstanceId } from "@nano/contract";
import { buildTinyImage } from "@nano/nanoctl/image/tiny";
import { type Cloud, startCloud, until, uploadImage } from "./cloud.ts";

let cloud: Cloud;
let image: ImageId;
let cell: CellId;
const instances: InstanceId[] = [];

beforeAll(async () => {
  const [made, tiny] = await Promise.all([startCloud(), buildTinyImage(resolve(import.meta.dir, "../../data/cache"))]);
  cloud = made;
  image = await uploadImage(cloud, "tiny", tiny.path);
  const { items } = await cloud.api("cell.list", {});
  cell = items[0]?.id as CellId;
}, 240_000);
afterAll(() => cloud?.stop(), 60_000);

const create = async (name: string): Promise<InstanceId> => {
  const task = await cloud.api("instance.create", {
    name,
    pool: "default" as Input<"instance.create">["pool"],
    cores: 1,
    memoryMiB: 128 as Input<"instance.create">["memoryMiB"],
    systemDisk: { sizeGiB: 1 as Input<"instance.create">["systemDisk"]["sizeGiB"], image },
  });
  await cloud.done(task);
  if (task.kind !== "task") throw new Error("not a task");
  return task.resource.id as InstanceId;
};
const transfers = async (): Promise<number> =>
  (await Bun.file(join(cloud.directory, "log/cell.log")).text()).split("Fetched a file").length - 1;
const pool = () => join(cloud.libvirt.storage, "nano");
const checksum = async (): Promise<string> => (await cloud.api("image.get", { id: image })).sha256 ?? "none";
const base = async (): Promise<string> => {
  return join(pool(), `base-${await checksum()}.qcow2`);
};
const hashOf = async (path: string): Promise<string> =>
  new Bun.CryptoHasher("sha256").update(await Bun.file(path).bytes()).digest("hex");
const kept = async () => (await cloud.api("cell.files", { id: cell })).items;

test("seven instances (as many as two cores take, but one) created at once from an uncached image cause one transfer", async () => {
  expect(await kept()).toEqual([]);
  instances.push(...(await Promise.all(Array.from({ length: 7 }, (_, i) => create(`web-${i}`)))));
  expect(await transfers()).toBe(1);
  const { sha256, bytes } = await cloud.api("image.get", { id: image });
  const shown = await cloud.api("cell.files", { id: cell });
  expect(shown).toMatchObject({
    bytes,
    unusedBytes: 0,
    items: [{ sha256, bytes, state: "ready", users: 7, image: { id: image, name: "tiny" } }],
  });
  const { name } = await cloud.api("cell.get", { id: cell });
  for (const named of [[], [name], [cell]]) {
    const { stdout, stderr } = await cloud.nanoctl("cell", "files", ...named);
    expect([stderr, stdout]).toEqual(["", expect.stringMatching(/tiny +image +ready +[\d.]+ MiB +7 disks /)]);
  }
  const unknown = await cloud.nanoctl("cell", "files", "nowhere");
  expect(unknown).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`There are: ${name}`) });
}, 180_000);

test("a base that is gone under its instances is told and fetched again by itself; so is one that was written to", async () => {
  const file = await base();
  const sha256 = await checksum();
  await rm(file);
  process.kill(await cloud.pidOf("cell"), "SIGKILL");
  await until("it is fetched again", async () => (await transfers()) === 2, Boolean, 240);
  expect(await hashOf(file)).toBe(sha256);
  await until(
    "nothing is wrong",
    async () => (await cloud.api("cell.get", { id: cell })).problems,
    (problems) => problems.length === 0,
  );
  await Bun.$`printf XXXX | dd of=${file} bs=1 seek=100000 conv=notrunc status=none`.quiet();
  expect(await hashOf(file)).not.toBe(sha256);
  instances.push(await create("after"));
  expect(await transfers()).toBe(3);
  expect(await hashOf(file)).toBe(sha256);
}, 180_000);

test("what nothing needs any more is removed when it is asked for, minutes after somebody wanted it", async () => {
  for (const id of instances) await cloud.done(await cloud.api("instance.delete", { id }));
  expect((await cloud.nanoctl("cell", "clean")).stdout).toContain("nothing that nothing needs");
  // A cell that starts anew has promised nothing to anybody.
  const before = await cloud.pidOf("cell");
  process.kill(before, "SIGKILL");
  await until("another cell runs", async () => (await cloud.pidOf("cell")) !== before, Boolean, 240);
  const { bytes } = await cloud.api("image.get", { id: image });
  const cleaned = await until("it answers", () => cloud.api("cell.clean", { id: cell }), Boolean, 240);
  expect(cleaned).toEqual({ files: 1, bytes });
  expect(await kept()).toEqual([]);
  // What says whose the pool is stays.
  expect((await readdir(pool())).filter((name) => !name.endsWith(".claim"))).toEqual([]);
}, 180_000);
