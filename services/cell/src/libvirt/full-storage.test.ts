/** A guest that writes until its cell's storage is full: it is paused and says why, and nothing of it is damaged. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SnapshotId, silentLog } from "@nano/contract";
import { type LabLibvirtd, startLibvirtd } from "@nano/lab";
import { connect } from "@nano/libvirt";
import { guestLookMs, guestUp, tinyMedia } from "../guest.testing.ts";
import { labConfig, oneGiB, openHypervisor, specOf, until } from "../testing.ts";
import { mib } from "../units.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

const patience = 240_000;
let directory: string;
let lab: LabLibvirtd;
let hypervisor: LibvirtHypervisor;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-full-"));
  await mkdir(`${directory}/storage`);
  await Bun.$`mount -t tmpfs -o size=32m tmpfs ${directory}/storage`.quiet();
  lab = await startLibvirtd({ dir: directory });
  hypervisor = await openHypervisor(labConfig(lab), silentLog);
}, patience);
afterAll(async () => {
  await hypervisor?.stop();
  await Bun.$`umount -l ${directory}/storage`.quiet().nothrow();
  await lab?.stop();
}, patience);

test(
  "an instance that fills the storage is paused, with the reason, and resumes when there is room",
  async () => {
    const spec = specOf({ memoryMiB: mib(128), disks: [{ name: "system", sizeGiB: oneGiB }] });
    await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
    await hypervisor.define(spec);
    await hypervisor.boot(spec.id, await tinyMedia(hypervisor));
    await guestUp(hypervisor, spec.id);
    await using connection = await connect({ socket: lab.socket });
    const keyboard = await (await connection.domainByUuid(spec.id)).openConsole();
    await keyboard.write(new TextEncoder().encode("\ndd if=/dev/zero of=/dev/vda bs=1048576 count=64\n"));
    const paused = await until(async () => {
      const found = await hypervisor.find(spec.id);
      return found?.state === "paused" && found;
    });
    expect(paused.stateReason).toContain("no space left");
    const snapshot = { id: Bun.randomUUIDv7() as SnapshotId, name: "full", description: "", createdBy: "admin" };
    await expect(hypervisor.createSnapshot(spec.id, { ...snapshot, memory: false })).rejects.toMatchObject({
      code: "disk-full",
    });
    // With room again, it goes on where it stood.
    await Bun.$`mount -o remount,size=160m ${directory}/storage`.quiet();
    await hypervisor.resume(spec.id);
    await until(async () => (await hypervisor.serial(spec.id)).text.includes("64+0 records out"), guestLookMs);
    expect((await hypervisor.find(spec.id))?.state).toBe("running");
    keyboard.close();
    await hypervisor.reboot(spec.id, true);
    await hypervisor.undefine(spec.id);
    await hypervisor.deleteDisk(spec.id, "system");
  },
  patience,
);
