/**
 * Memory that a running guest gives back and takes again through its balloon, as the guest itself, libvirt and the
 * statistics see it.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { InstanceSpec } from "@nano/contract";
import { Affect, type Connection, connect } from "@nano/libvirt";
import { type Guest, openGuest, tinyMedia } from "../guest.testing.ts";
import { type LabHost, specOf, startLabHost, until } from "../testing.ts";
import { mib } from "../units.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

const patience = 240_000;
let host: LabHost;
let hypervisor: LibvirtHypervisor;
let connection: Connection;
let spec: InstanceSpec;
let guest: Guest;

beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
  connection = await connect({ socket: host.lab.socket });
  spec = specOf({ memoryMiB: mib(256) });
  await hypervisor.define(spec);
  await hypervisor.boot(spec.id, await tinyMedia(hypervisor));
  guest = await openGuest(hypervisor, connection, spec.id);
}, patience);
afterAll(async () => {
  guest?.close();
  connection?.close();
  await host?.[Symbol.asyncDispose]();
}, patience);

/** What the guest's own kernel has, in MiB. */
const totalInside = async (): Promise<number> =>
  Number(/MemTotal:\s+(\d+) kB/.exec(await guest.inside("grep MemTotal /proc/meminfo"))?.[1]) / 1_024;
const change = async (memoryMiB: number): Promise<void> => {
  await hypervisor.define({ ...spec, memoryMiB: mib(memoryMiB) });
  await hypervisor.apply(spec.id);
};
const followed = () => until(async () => (await hypervisor.find(spec.id))?.pending === undefined);
const current = async () => (await (await connection.domainByUuid(spec.id)).getInfo()).memory / 1_024;

test(
  "memory taken away live is gone inside the guest, and comes back when it is given again",
  async () => {
    const all = await totalInside();
    expect(all).toBeWithin(150, 257);
    await change(160);
    await followed();
    expect(await current()).toBe(160);
    // The kernel keeps some of its own: what counts is the difference.
    expect(Math.round(all - (await totalInside()))).toBe(96);
    await change(256);
    await followed();
    expect(await current()).toBe(256);
    expect(Math.round(await totalInside())).toBe(Math.round(all));
  },
  patience,
);

test(
  "what was asked of it is taken back, whether it has followed or not",
  async () => {
    const domain = await connection.domainByUuid(spec.id);
    // Behind the back of the record: as of a guest that follows long after the cell has stopped waiting.
    for (const isLate of [true, false]) {
      await domain.setMemory(160 * 1_024, Affect.live);
      if (isLate) await until(async () => (await current()) === 160);
      await change(256);
      expect((await hypervisor.find(spec.id))?.pending).toBeUndefined();
      await until(async () => (await current()) === 256);
    }
    // More than it was started with has to wait; what it has, it keeps.
    await domain.setMemory(160 * 1_024, Affect.live);
    await change(512);
    expect((await hypervisor.find(spec.id))?.pending).toEqual(["memoryMiB"]);
    await until(async () => (await current()) === 256);
    await change(256);
    await followed();
  },
  patience,
);

test(
  "the statistics say what the guest itself says it uses, also after it gave some back",
  async () => {
    const measured = () =>
      until(async () => {
        const found = (await hypervisor.statistics()).find(({ id }) => id === spec.id);
        return found?.memorySource === "guest" && found.memoryUsedMiB;
      });
    const idle = await measured();
    expect(idle).toBeWithin(1, 200);
    // 60 MiB that a program of the guest has: the balloon says so within its 10 s.
    await guest.inside("mkdir /ram; mount -t tmpfs -o size=200m tmpfs /ram; dd if=/dev/zero of=/ram/x bs=1M count=60");
    await until(async () => (await measured()) >= idle + 50);
    await change(200);
    await followed();
    const used = await measured();
    expect(used).toBeWithin(idle + 50, 201);
    expect(await guest.inside("ls -l /ram/x")).toContain("62914560");
    // What it cannot spare is not taken: it waits for the next start, and the guest lives.
    await guest.inside("dd if=/dev/zero of=/ram/y bs=1M count=40");
    await until(async () => (await measured()) >= idle + 90);
    await change(64);
    expect((await hypervisor.find(spec.id))?.pending).toEqual(["memoryMiB"]);
    // Give or take the MiB that its driver moves at a time.
    expect(await current()).toBeWithin(200, 202);
    expect(await guest.inside("echo alive")).toContain("alive");
    await guest.inside("rm /ram/x /ram/y");
    await until(async () => (await measured()) < idle + 30);
    await change(256);
    await followed();
  },
  patience,
);
