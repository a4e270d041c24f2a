/** A disk becomes an image in a whole cloud, also when what does it is killed in the middle. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { ImageId, Input, InstanceId, Task } from "@nano/contract";
import { buildTinyImage } from "@nano/nanoctl/image/tiny";
import { type Cloud, startCloud, until, uploadImage } from "./cloud.ts";

let cloud: Cloud;
let create: (name: string, image: ImageId, more?: Partial<Input<"instance.create">>) => Promise<InstanceId>;
let source: InstanceId;

beforeAll(async () => {
  const [made, tiny] = await Promise.all([startCloud(), buildTinyImage(resolve(import.meta.dir, "../../data/cache"))]);
  cloud = made;
  create = async (name, image, more = {}) => {
    const task = await cloud.api("instance.create", {
      name,
      pool: "default" as Input<"instance.create">["pool"],
      cores: 1,
      memoryMiB: 128 as Input<"instance.create">["memoryMiB"],
      systemDisk: { sizeGiB: 1 as Input<"instance.create">["systemDisk"]["sizeGiB"], image },
      ...more,
    });
    await cloud.done(task);
    if (task.kind !== "task") throw new Error("not a task");
    return task.resource.id as InstanceId;
  };
  source = await create("source", await uploadImage(cloud, "tiny", tiny.path));
}, 240_000);
afterAll(() => cloud?.stop(), 60_000);

const pool = () => join(cloud.libvirt.storage, "nano");
const io = (id: InstanceId, command: string) =>
  Bun.$`qemu-io -f qcow2 -c ${command} ${join(pool(), `${id}-system.qcow2`)}`.quiet();
const begin = (name: string): Promise<Task> => cloud.api("disk.export", { id: source, disk: "system", name });
const copies = async () => (await readdir(pool())).filter((name) => name.startsWith("export-"));

test("an instance made from it starts and has what was on the disk", async () => {
  await io(source, "write -P 0x5a 700M 64k");
  const task = await cloud.done(await begin("golden"));
  expect(task.result).toMatchObject({ type: "image", name: "golden" });
  const image = task.result?.id as ImageId;
  expect(await cloud.api("image.get", { id: image })).toMatchObject({
    state: "ready",
    source: { from: "instance", instance: source, name: "source", disk: "system" },
  });
  expect(await copies()).toEqual([]);
  const copy = await create("copy", image, { start: true });
  await until(
    "its guest is up",
    async () => (await cloud.api("instance.serial", { id: copy })).text,
    (text) => text.includes("NANO-TINY ready"),
    240,
  );
  await cloud.done(await cloud.api("instance.stop", { id: copy, force: true }));
  await io(copy, "read -P 0x5a 700M 64k");
}, 180_000);

test.each(["images", "cell", "scheduler"])(
  "kill -9 %s while it is sent: it is sent after all",
  async (unit) => {
    await io(source, "write -P 0x77 100M 500M");
    const begun = await begin(`golden ${unit}`);
    await until(
      "it is being sent",
      () => cloud.api("task.get", { id: begun.id }),
      ({ steps }) => (steps.find(({ name }) => name === "send")?.bytesDone ?? 0) > 0,
    );
    process.kill(await cloud.pidOf(unit), "SIGKILL");
    const task = await until(
      "the task has ended",
      () => cloud.api("task.get", { id: begun.id }),
      ({ endedAt }) => endedAt !== undefined,
      240,
    );
    expect(task).toMatchObject({ state: "done" });
    const made = await cloud.api("image.get", { id: task.result?.id as ImageId });
    expect(made.state).toBe("ready");
    expect(await copies()).toEqual([]);
    await cloud.api("image.delete", { id: made.id });
  },
  180_000,
);

test("cancelled half-way, neither image nor copy is left", async () => {
  const begun = await begin("never");
  await until(
    "it is under way",
    () => cloud.api("task.get", { id: begun.id }),
    ({ steps }) => steps.some(({ bytesDone }) => (bytesDone ?? 0) > 0),
  );
  await cloud.api("task.cancel", { id: begun.id });
  const task = await until(
    "it has ended",
    () => cloud.api("task.get", { id: begun.id }),
    ({ endedAt }) => endedAt !== undefined,
    240,
  );
  expect(task.state).toBe("cancelled");
  expect(await copies()).toEqual([]);
  const { items } = await cloud.api("image.list", { search: "never" });
  expect(items).toEqual([]);
  await cloud.done(await cloud.api("instance.start", { id: source }));
}, 300_000);
