/**
 * Whatever is killed, running instances go on, and the system finds everything again without anyone cleaning up. One
 * cloud, one running guest; each test kills something else with SIGKILL and then asks, through the public door, whether
 * all is as it should be.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Input, Instance, InstanceId } from "@nano/contract";
import { buildTinyImage } from "@nano/nanoctl/image/tiny";
import { type Cloud, Problem, startCloud, until, uploadImage } from "./cloud.ts";

let cloud: Cloud;
let id: InstanceId;
let create: Omit<Input<"instance.create">, "name">;

/** Process ids of the QEMU processes that run this instance, on this whole machine. */
const guests = async (instance: InstanceId): Promise<number[]> => {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
    if (command.startsWith("/usr/bin/qemu-system") && command.includes(instance)) found.push(Number(entry));
  }
  return found;
};

const stateOf = async (instance: InstanceId): Promise<Instance["state"]> =>
  (await cloud.api("instance.get", { id: instance })).state;
const running = () =>
  until(
    "the instance is shown running again",
    () => stateOf(id),
    (state) => state === "running",
    240,
  );

beforeAll(async () => {
  const [made, tiny] = await Promise.all([startCloud(), buildTinyImage(resolve(import.meta.dir, "../../data/cache"))]);
  cloud = made;
  const image = await uploadImage(cloud, "tiny", tiny.path);
  create = {
    pool: "default" as Input<"instance.create">["pool"],
    cores: 1,
    memoryMiB: 128 as Input<"instance.create">["memoryMiB"],
    systemDisk: { sizeGiB: 1 as Input<"instance.create">["systemDisk"]["sizeGiB"], image },
  };
  const task = await cloud.api("instance.create", { ...create, name: "survivor", start: true });
  if (task.kind !== "task") throw new Error("not a task");
  id = task.resource.id as InstanceId;
  await cloud.done(task);
  await until(
    "the guest is up",
    async () => (await cloud.api("instance.serial", { id })).text,
    (text) => text.includes("NANO-TINY ready"),
    240,
  );
}, 240_000);
afterAll(() => cloud.stop(), 60_000);

describe.each(["scheduler", "images", "gateway", "web", "cell", "nats"])("kill -9 %s", (unit) => {
  test("the guest runs on, and everything is found again", async () => {
    const before = await guests(id);
    expect(before).toHaveLength(1);
    const pid = await cloud.pidOf(unit);
    process.kill(pid, "SIGKILL");
    await until(
      `${unit} runs again`,
      () => cloud.pidOf(unit),
      (now) => now !== pid,
    );
    await running();
    expect(await guests(id)).toEqual(before);
    // It is not only shown: it obeys.
    const screen = await until("its screen is seen", () => cloud.api("instance.screen", { id }));
    expect(screen.contentType).toBe("image/png");
  }, 300_000);
});

test("libvirtd killed and started: the cell says so meanwhile, and recovers by itself", async () => {
  const before = await guests(id);
  await cloud.libvirt.kill();
  await until(
    "the cell tells its problem",
    async () => (await cloud.api("cell.list", {})).items[0]?.problems ?? [],
    (problems) => problems.length > 0,
  );
  await cloud.libvirt.start();
  await until(
    "the cell has no problem",
    async () => (await cloud.api("cell.list", {})).items[0]?.problems ?? ["?"],
    (problems) => problems.length === 0,
  );
  await running();
  expect(await guests(id)).toEqual(before);
}, 300_000);

test("the supervisor killed: `up` takes over what runs, twice is harmless", async () => {
  const before = await guests(id);
  process.kill(await cloud.pidOf("nanoctl"), "SIGKILL");
  for (let i = 0; i < 2; i++) {
    const up = await cloud.nanoctl("up");
    expect({ ...up, stdout: up.exitCode === 0 ? "" : up.stdout }).toMatchObject({ exitCode: 0 });
  }
  await running();
  expect(await guests(id)).toEqual(before);
}, 300_000);

test("down and up: running instances were never asked", async () => {
  const before = await guests(id);
  expect((await cloud.nanoctl("down")).exitCode).toBe(0);
  expect(await guests(id)).toEqual(before);
  expect((await cloud.nanoctl("up")).exitCode).toBe(0);
  await running();
  expect(await guests(id)).toEqual(before);
}, 300_000);

test("with the bus gone an answer comes in time, says what to do, and nothing is lost", async () => {
  const pid = await cloud.pidOf("nats");
  process.kill(pid, "SIGSTOP");
  try {
    const failure = await cloud
      .api("instance.create", { ...create, name: "patient" }, { "Idempotency-Key": "patience" })
      .catch((error) => error);
    expect(failure).toBeInstanceOf(Problem);
    expect(failure.status).toBe(503);
    expect(failure.body.remedy).toBeTruthy();
  } finally {
    process.kill(pid, "SIGCONT");
  }
  // The request may have been taken or not; with its key it happens once.
  const task = await until("the request is taken", () =>
    cloud.api("instance.create", { ...create, name: "patient" }, { "Idempotency-Key": "patience" }),
  );
  await cloud.done(task);
  const { items } = await cloud.api("instance.list", { search: "patient" });
  expect(items).toHaveLength(1);
  for (const { id: made } of items) await cloud.done(await cloud.api("instance.delete", { id: made }));
}, 300_000);

test("QEMU killed is seen at once, and can be started again", async () => {
  for (const pid of await guests(id)) process.kill(pid, "SIGKILL");
  await until(
    "it is shown crashed",
    () => stateOf(id),
    (state) => state === "crashed",
    60,
  );
  await cloud.done(await cloud.api("instance.start", { id }));
  expect(await stateOf(id)).toBe("running");
}, 300_000);

test("in the end nothing is left over: what is reserved is what there is", async () => {
  await cloud.done(await cloud.api("instance.stop", { id, force: true }));
  await cloud.done(await cloud.api("instance.delete", { id }));
  const [cell] = (await cloud.api("cell.list", {})).items;
  expect(cell?.reserved).toEqual({ cores: 0, memoryMiB: 0, storageGiB: 0 } as never);
  expect(cell?.instances).toEqual({ total: 0, running: 0 });
  expect(await guests(id)).toEqual([]);
  const files = await readdir(join(cloud.libvirt.storage, "nano"));
  expect(files.filter((file) => file.includes(id))).toEqual([]);
}, 300_000);
