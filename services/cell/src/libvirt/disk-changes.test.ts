/**
 * Disks of an instance, changed under a guest that runs and under one that is off; the facts are QEMU's, libvirt's and
 * the guest's own.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { rename } from "node:fs/promises";
import type { ImageId, InstanceId, InstanceSpec, Sha256 } from "@nano/contract";
import { type Connection, connect } from "@nano/libvirt";
import { openGuest, tinyImage } from "../guest.testing.ts";
import { type LabHost, oneGiB, specOf, startLabHost, until } from "../testing.ts";
import { gib, mib } from "../units.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

const patience = 240_000;
const kibibytes = (gibibytes: number) => String(gibibytes * 2 ** 20);
let host: LabHost;
let hypervisor: LibvirtHypervisor;
let connection: Connection;
let sha256: Sha256;

beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
  connection = await connect({ socket: host.lab.socket });
  sha256 = await tinyImage(hypervisor);
}, patience);
afterAll(async () => {
  connection?.close();
  await host?.[Symbol.asyncDispose]();
}, patience);

const pool = () => `${host.lab.storage}/pool`;
const files = async (id: InstanceId) =>
  (await Array.fromAsync(new Bun.Glob(`${id}-*qcow2*`).scan(pool()))).sort().map((name) => name.slice(id.length + 1));
interface Info {
  readonly "virtual-size": number;
  readonly "actual-size": number;
  readonly "full-backing-filename"?: string;
}
const info = async (file: string): Promise<Info> =>
  Bun.$`qemu-img info -U --output json ${pool()}/${file}`.quiet().json();

/** A defined instance with a clone of the tiny image as its system disk. */
const defined = async (): Promise<InstanceSpec> => {
  const image = { id: crypto.randomUUID() as ImageId, name: "tiny", sha256 };
  const spec = specOf({ memoryMiB: mib(128), disks: [{ name: "system", sizeGiB: oneGiB, image }] });
  await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB, base: sha256 });
  await hypervisor.define(spec);
  return spec;
};
/** With a blank data disk beside it. */
const withData = async (): Promise<InstanceSpec> => {
  const bare = await defined();
  const spec = { ...bare, disks: [...bare.disks, { name: "data-1", sizeGiB: oneGiB }] };
  await hypervisor.createDisk({ id: spec.id, disk: "data-1", sizeGiB: oneGiB });
  await hypervisor.define(spec);
  return spec;
};
const start = async ({ id }: InstanceSpec) => {
  await hypervisor.boot(id, undefined);
  return openGuest(hypervisor, connection, id);
};
const remove = async ({ id }: InstanceSpec) => {
  await hypervisor.undefine(id);
  for (const disk of ["system", "data-1"]) await hypervisor.deleteDisk(id, disk);
  expect(await files(id)).toEqual([]);
};

test(
  "a running guest gets a disk, sees disks grow, and gives the disk back",
  async () => {
    const spec = await defined();
    const { id } = spec;
    const guest = await start(spec);
    expect(await guest.inside("cat /proc/partitions")).toMatch(new RegExp(`${kibibytes(1)} vda`));

    await hypervisor.growDisk(id, "system", gib(3));
    await hypervisor.growDisk(id, "system", gib(3));
    await hypervisor.growDisk(id, "system", gib(2));
    expect(await guest.inside("cat /proc/partitions")).toMatch(new RegExp(`${kibibytes(3)} vda`));
    expect((await info(`${id}-system.qcow2`))["virtual-size"]).toBe(3 * 2 ** 30);
    const pending = async () => (await hypervisor.find(id))?.pending;

    const disks = [...spec.disks.map((disk) => ({ ...disk, sizeGiB: gib(3) })), { name: "data-1", sizeGiB: gib(2) }];
    await expect(hypervisor.attachDisk(id, "data-1")).rejects.toMatchObject({ code: "disk-not-found" });
    await hypervisor.createDisk({ id, disk: "data-1", sizeGiB: gib(2) });
    await hypervisor.define({ ...spec, disks });
    expect(await pending()).toEqual(["disks"]);
    await hypervisor.attachDisk(id, "data-1");
    await hypervisor.attachDisk(id, "data-1");
    expect(await pending()).toBeUndefined();
    expect(await guest.inside("until [ -b /dev/vdb ]; do sleep 1; done; cat /proc/partitions")).toMatch(
      new RegExp(`${kibibytes(2)} vdb`),
    );
    await hypervisor.growDisk(id, "data-1", gib(4));
    expect(await guest.inside("cat /proc/partitions")).toMatch(new RegExp(`${kibibytes(4)} vdb`));
    expect(
      (await hypervisor.measureDisks(id)).map(({ name, capacityBytes }) => [name, capacityBytes / 2 ** 30]),
    ).toEqual([
      ["system", 3],
      ["data-1", 4],
    ]);

    await expect(hypervisor.deleteDisk(id, "data-1")).rejects.toMatchObject({ code: "hypervisor-failed" });
    await hypervisor.detachDisk(id, "data-1");
    await hypervisor.detachDisk(id, "data-1");
    expect(await guest.inside("cat /proc/partitions")).not.toContain("vdb");
    await hypervisor.define({ ...spec, disks: disks.slice(0, 1) });
    expect(await pending()).toBeUndefined();
    // The guest runs on while its former disk is deleted.
    await hypervisor.deleteDisk(id, "data-1");
    expect(await files(id)).toEqual(["system.qcow2"]);
    guest.close();
    await remove(spec);
  },
  patience,
);

test(
  "a guest that is not up yet does not let go of a disk, and that is said",
  async () => {
    const spec = specOf({ disks: [{ name: "data-1", sizeGiB: oneGiB }] });
    await hypervisor.createDisk({ id: spec.id, disk: "data-1", sizeGiB: oneGiB });
    await hypervisor.define(spec);
    await hypervisor.boot(spec.id, undefined);
    await expect(hypervisor.detachDisk(spec.id, "data-1")).rejects.toMatchObject({ code: "in-use" });
    await remove(spec);
  },
  patience,
);

test(
  "a disk written anew takes less room and holds what it held; a clone is refused",
  async () => {
    const spec = await withData();
    const { id } = spec;
    const guest = await start(spec);
    await hypervisor.growDisk(id, "data-1", gib(2));
    // 48 MiB of noise behind the partition, then zeros over most of it.
    await guest.inside("dd if=/dev/urandom of=/dev/vdb bs=1M seek=100 count=48 conv=fsync 2>/dev/null; sync");
    await guest.inside("dd if=/dev/zero of=/dev/vdb bs=1M seek=104 count=44 conv=fsync 2>/dev/null; sync");
    const sum = (text: string) => /[0-9a-f]{32}/.exec(text)?.[0];
    const before = sum(await guest.inside("dd if=/dev/vdb bs=1M skip=90 count=60 2>/dev/null | md5sum"));
    expect(before).toBeDefined();
    await expect(hypervisor.rewriteDisk(id, "data-1", 1)).rejects.toMatchObject({ code: "wrong-state" });
    guest.close();
    await hypervisor.shutdown(id, true);
    await expect(hypervisor.rewriteDisk(id, "system", 1)).rejects.toMatchObject({ code: "unsupported-by-cell" });

    const old = await info(`${id}-data-1.qcow2`);
    await until(async () => (await hypervisor.rewriteDisk(id, "data-1", 1)).ready);
    expect((await hypervisor.rewriteDisk(id, "data-1", 1)).ready).toBe(true);
    expect(await files(id)).toEqual(["data-1.1.qcow2", "data-1.1.qcow2.ok", "data-1.qcow2", "system.qcow2"]);
    // Not yet: what the definition names is the disk, and everything else is rubbish.
    await hypervisor.discardDisk(id, "data-1");
    expect(await files(id)).toEqual(["data-1.qcow2", "system.qcow2"]);
    await until(async () => (await hypervisor.rewriteDisk(id, "data-1", 1)).ready);
    const after = {
      ...spec,
      disks: spec.disks.map((disk) => (disk.name === "data-1" ? { ...disk, sizeGiB: gib(2), generation: 1 } : disk)),
    };
    await hypervisor.define(after);
    await hypervisor.discardDisk(id, "data-1");
    await hypervisor.discardDisk(id, "data-1");
    expect(await files(id)).toEqual(["data-1.1.qcow2", "system.qcow2"]);

    const written = await info(`${id}-data-1.1.qcow2`);
    expect(written["virtual-size"]).toBe(2 * 2 ** 30);
    expect(old["actual-size"] - written["actual-size"]).toBeGreaterThan(40 * 2 ** 20);
    const [, measured] = await hypervisor.measureDisks(id);
    expect(measured?.allocatedBytes).toBeLessThan(old["actual-size"] - 40 * 2 ** 20);
    const again = await start(after);
    expect(sum(await again.inside("dd if=/dev/vdb bs=1M skip=90 count=60 2>/dev/null | md5sum"))).toBe(before);
    expect(await again.inside("cat /run/guest")).toContain("boots=2");
    again.close();
    await remove(after);
  },
  patience,
);

test(
  "a copy that was cut off is not the disk, and is made anew",
  async () => {
    const spec = await withData();
    const { id } = spec;
    // As a libvirtd leaves it that was killed: a part of the file, and no marker.
    await Bun.write(`${pool()}/${id}-data-1.1.qcow2`, new Uint8Array(100_000));
    await until(async () => (await hypervisor.rewriteDisk(id, "data-1", 1)).ready);
    expect((await info(`${id}-data-1.1.qcow2`))["virtual-size"]).toBe(2 ** 30);
    await remove(spec);
  },
  patience,
);

test(
  "a disk that is gone is named: by its measure, by growing, by the start",
  async () => {
    const spec = await defined();
    const { id } = spec;
    const file = `${pool()}/${id}-system.qcow2`;
    await rename(file, `${file}.away`);
    expect(await hypervisor.measureDisks(id)).toEqual([]);
    await expect(hypervisor.growDisk(id, "system", gib(2))).rejects.toMatchObject({ code: "disk-missing" });
    await expect(hypervisor.rewriteDisk(id, "system", 1)).rejects.toMatchObject({ code: "disk-missing" });
    await expect(hypervisor.boot(id, undefined)).rejects.toMatchObject({
      code: "disk-missing",
      details: { disk: "system", file: `${id}-system.qcow2` },
    });
    await rename(`${file}.away`, file);
    await hypervisor.growDisk(id, "system", gib(2));
    expect((await hypervisor.measureDisks(id)).map(({ capacityBytes }) => capacityBytes / 2 ** 30)).toEqual([2]);
    await remove(spec);
  },
  patience,
);
