/**
 * Network interfaces come and go in a whole cloud, over REST, under a guest that runs; also when what does it is killed
 * in the middle.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { resolve } from "node:path";
import type { Input, InstanceId } from "@nano/contract";
import { type Connection, connect } from "@nano/libvirt";
import { buildTinyImage } from "@nano/nanoctl/image/tiny";
import { type Cloud, startCloud, until, uploadImage } from "./cloud.ts";

let cloud: Cloud;
let connection: Connection;
let id: InstanceId;

beforeAll(async () => {
  const [made, tiny] = await Promise.all([startCloud(), buildTinyImage(resolve(import.meta.dir, "../../data/cache"))]);
  cloud = made;
  connection = await connect({ socket: cloud.libvirt.socket });
  const task = await cloud.api("instance.create", {
    name: "gateway",
    pool: "default" as Input<"instance.create">["pool"],
    cores: 1,
    memoryMiB: 128 as Input<"instance.create">["memoryMiB"],
    systemDisk: {
      sizeGiB: 1 as Input<"instance.create">["systemDisk"]["sizeGiB"],
      image: await uploadImage(cloud, "tiny", tiny.path),
    },
    start: true,
  });
  await cloud.done(task);
  if (task.kind !== "task") throw new Error("not a task");
  id = task.resource.id as InstanceId;
  await until(
    "its guest is up",
    async () => (await cloud.api("instance.serial", { id })).text,
    (text) => text.includes("NANO-TINY ready"),
    240,
  );
}, 240_000);
afterAll(async () => {
  connection?.close();
  await cloud?.stop();
}, 300_000);

/** As libvirt has them in the running machine. */
const live = async () => {
  const xml = await (await connection.domainByUuid(id)).getXMLDesc();
  return [...xml.matchAll(/<mac address='([^']+)'/g)].map(([, mac = ""]) => mac);
};
const shown = async () => (await cloud.api("instance.get", { id })).nics.map(({ mac }) => mac);

test("a running guest gets one of each kind, and gives one back", async () => {
  const first = (await cloud.api("instance.get", { id })).mac;
  await cloud.done(await cloud.api("nic.add", { id, mac: "02:00:5e:00:53:0a" }));
  await cloud.done(await cloud.api("nic.add", { id, model: "e1000" }));
  expect(await shown()).toHaveLength(3);
  expect(await live()).toEqual(await shown());
  await cloud.done(await cloud.api("nic.remove", { id, nic: "nic-2" }));
  expect(await live()).toEqual(await shown());
  expect((await shown())[0]).toBe(first);
  expect((await cloud.api("instance.get", { id })).pending).toEqual([]);
}, 300_000);

test.each(["cell", "scheduler"])(
  "kill -9 %s while one is taken: it is taken after all",
  async (unit) => {
    const task = await cloud.api("nic.add", { id });
    await cloud.done(task);
    const { nics } = await cloud.api("instance.get", { id });
    const { name, mac } = nics.at(-1) ?? { name: "", mac: "" };
    const pid = await cloud.pidOf(unit);
    const begun = await cloud.api("nic.remove", { id, nic: name });
    process.kill(pid, "SIGKILL");
    const ended = await until(
      "the task has ended",
      () => cloud.api("task.get", { id: begun.id }),
      ({ endedAt }) => endedAt !== undefined,
      240,
    );
    expect(ended).toMatchObject({ state: "done" });
    expect(await live()).not.toContain(mac);
    expect(await shown()).toEqual(await live());
  },
  180_000,
);
