/**
 * Work on disks that meets a full storage: said with its code, nothing half-made that matters, and done when there is
 * room again.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ImageId, type InstanceSpec, type SnapshotId, silentLog, systemClock } from "@nano/contract";
import { type LabLibvirtd, startLibvirtd } from "@nano/lab";
import { connect } from "@nano/libvirt";
import type { FetchProgress } from "../hypervisor.ts";
import { labConfig, oneGiB, openHypervisor, specOf, until } from "../testing.ts";
import { gib, mib } from "../units.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";
import { Snapshots } from "./snapshots.ts";

const patience = 120_000;
const mebibyte = 2 ** 20;
let directory: string;
let lab: LabLibvirtd;
let hypervisor: LibvirtHypervisor;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-full-"));
  await mkdir(`${directory}/storage`);
  await Bun.$`mount -t tmpfs -o size=96m tmpfs ${directory}/storage`.quiet();
  lab = await startLibvirtd({ dir: directory });
  hypervisor = await openHypervisor(labConfig(lab), silentLog);
}, patience);
afterAll(async () => {
  await hypervisor?.stop();
  await Bun.$`umount -l ${directory}/storage`.quiet().nothrow();
  await lab?.stop();
}, patience);

const pool = () => `${lab.storage}/pool`;
const others = () => `${lab.storage}/others`;
const makeRoom = () => rm(others(), { recursive: true, force: true });
afterEach(makeRoom);

/** Somebody else takes room; all there is, when there is not as much. */
const take = (bytes: number): void => {
  mkdirSync(others(), { recursive: true });
  try {
    writeFileSync(`${others()}/${Bun.randomUUIDv7()}`, Buffer.alloc(bytes));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  }
};
/** Somebody else takes all but so many MiB. */
const leave = (freeMiB: number): void => {
  const { bavail, bsize } = statfsSync(lab.storage);
  take(Math.max(0, bavail * bsize - freeMiB * mebibyte));
};
const files = async (): Promise<string[]> => (await readdir(pool())).filter((name) => name.includes("qcow2")).sort();
const fileOf = ({ id }: InstanceSpec): string => `${id}-system.qcow2`;
/** What its disk holds, 20 MiB of it, is what was written. */
const expectWhole = async (file: string): Promise<void> => {
  const read = await Bun.$`qemu-io -U -f qcow2 -r -c ${"read -P 0x5a 0 20M"} ${pool()}/${file}`.nothrow().quiet();
  expect([read.exitCode, read.stdout.toString()]).toEqual([0, expect.not.stringContaining("failed")]);
  await Bun.$`qemu-img check -U -q ${pool()}/${file}`;
};
const made = async (): Promise<InstanceSpec> => {
  const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
  await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
  await hypervisor.define(spec);
  await Bun.$`qemu-io -f qcow2 -c ${"write -P 0x5a 0 20M"} ${pool()}/${fileOf(spec)}`.quiet();
  return spec;
};
const remove = async ({ id }: InstanceSpec): Promise<void> => {
  await hypervisor.undefine(id);
  await hypervisor.deleteDisk(id, "system");
  expect(await files()).toEqual([]);
};
const ready = (work: () => Promise<FetchProgress>): Promise<boolean> => until(async () => (await work()).ready);
const full = { code: "disk-full", remedy: expect.any(String) };

test(
  "written anew: the disk stays as it is, what was written of the other file goes, and then it works",
  async () => {
    const spec = await made();
    const rewrite = () => hypervisor.rewriteDisk(spec.id, "system", 1);
    leave(8);
    await expect(ready(rewrite)).rejects.toMatchObject(full);
    // As the task's undo does it.
    await hypervisor.discardDisk(spec.id, "system");
    expect(await files()).toEqual([fileOf(spec)]);
    await expectWhole(fileOf(spec));
    await makeRoom();
    await ready(rewrite);
    await expectWhole(`${spec.id}-system.1.qcow2`);
    await hypervisor.define({ ...spec, disks: [{ name: "system", sizeGiB: oneGiB, generation: 1 }] });
    await hypervisor.discardDisk(spec.id, "system");
    expect(await files()).toEqual([`${spec.id}-system.1.qcow2`]);
    await remove(spec);
  },
  patience,
);

test(
  "exported, with room enough at its beginning: the copy goes, and then it works",
  async () => {
    const spec = await made();
    const image = Bun.randomUUIDv7() as ImageId;
    const copy = () => hypervisor.copyExport(spec.id, "system", image);
    leave(30);
    expect((await copy()).ready).toBe(false);
    take(25 * mebibyte);
    await expect(ready(copy)).rejects.toMatchObject(full);
    expect(await files()).toEqual([fileOf(spec)]);
    await makeRoom();
    await ready(copy);
    await hypervisor.endExport(image);
    expect(await files()).toEqual([fileOf(spec)]);
    await expectWhole(fileOf(spec));
    await remove(spec);
  },
  patience,
);

test(
  "grown, off or running: it keeps its size, and is grown when there is room",
  async () => {
    const spec = await made();
    const sizes = async () =>
      (await hypervisor.measureDisks(spec.id)).map(({ capacityBytes }) => capacityBytes / 2 ** 30);
    const grow = (sizeGiB: number) => hypervisor.growDisk(spec.id, "system", gib(sizeGiB));
    leave(0);
    await expect(grow(2)).rejects.toMatchObject(full);
    expect(await sizes()).toEqual([1]);
    await expectWhole(fileOf(spec));
    await makeRoom();
    await grow(2);
    expect(await sizes()).toEqual([2]);

    await hypervisor.boot(spec.id, undefined);
    leave(0);
    // As much as needs another table.
    await expect(grow(16_384)).rejects.toMatchObject(full);
    expect(await sizes()).toEqual([2]);
    expect((await hypervisor.find(spec.id))?.state).toBe("running");
    await makeRoom();
    await grow(16_384);
    expect(await sizes()).toEqual([16_384]);
    await hypervisor.shutdown(spec.id, true);
    await expectWhole(fileOf(spec));
    await remove(spec);
  },
  patience,
);

test(
  "a snapshot with memory: refused before anything is written, given up when the room goes meanwhile, and then it works",
  async () => {
    const spec = await made();
    await hypervisor.define({ ...spec, memoryMiB: mib(48) });
    await hypervisor.boot(spec.id, undefined);
    const snapshot = {
      id: Bun.randomUUIDv7() as SnapshotId,
      name: "x",
      description: "",
      createdBy: "admin",
      memory: true,
    };
    leave(40);
    await expect(hypervisor.createSnapshot(spec.id, snapshot)).rejects.toMatchObject({
      ...full,
      details: { availableBytes: expect.any(Number), neededBytes: expect.any(Number) },
    });
    const nothingChanged = async () => {
      expect(await hypervisor.snapshots(spec.id)).toEqual([]);
      expect((await hypervisor.find(spec.id))?.state).toBe("running");
    };
    await nothingChanged();
    // The room that was there when it was looked for goes before the memory is written.
    leave(0);
    await using connection = await connect({ socket: lab.socket });
    const domain = await connection.domainByUuid(spec.id);
    const looks = [{ capacity: 96 * mebibyte, available: 90 * mebibyte, used: 6 * mebibyte }];
    const snapshots = new Snapshots({
      instances: { known: async () => domain, define: async () => {}, resumed: async () => {} },
      storage: { figures: async () => looks.shift() ?? { capacity: 96 * mebibyte, available: 0, used: 96 * mebibyte } },
      clock: systemClock,
    });
    await expect(snapshots.create(spec.id, snapshot)).rejects.toMatchObject(full);
    expect(looks).toEqual([]);
    await nothingChanged();
    await makeRoom();
    await hypervisor.createSnapshot(spec.id, snapshot);
    expect(await hypervisor.snapshots(spec.id)).toMatchObject([{ memory: true }]);
    await hypervisor.shutdown(spec.id, true);
    await expectWhole(fileOf(spec));
    await remove(spec);
  },
  patience,
);
