/**
 * Snapshots of a guest that writes to two disks and remembers something: what it finds afterwards is read inside it.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { SnapshotId } from "@nano/contract";
import { type Connection, connect } from "@nano/libvirt";
import { guestLookMs, guestUp, tinyMedia } from "../guest.testing.ts";
import { type LabHost, oneGiB, specOf, startLabHost, until } from "../testing.ts";
import { mib } from "../units.ts";
import { domainXml } from "./domain-xml.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

const patience = 240_000;
let host: LabHost;
let hypervisor: LibvirtHypervisor;
let connection: Connection;
beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
  connection = await connect({ socket: host.lab.socket });
}, patience);
afterAll(async () => {
  connection?.close();
  await host?.[Symbol.asyncDispose]();
});

const newSnapshot = () => Bun.randomUUIDv7() as SnapshotId;
const request = (name: string, memory: boolean) => ({
  id: newSnapshot(),
  name,
  description: `</description>"'&]]>\n${name}`,
  createdBy: "admin",
  memory,
});
const poolFiles = (pattern: string) => Array.fromAsync(new Bun.Glob(pattern).scan(`${host.lab.storage}/pool`));

test(
  "a guest finds what was there: with memory, live without it, and after changes of its definition",
  async () => {
    const media = await tinyMedia(hypervisor);
    const disks = [
      { name: "system", sizeGiB: oneGiB },
      { name: "data-1", sizeGiB: oneGiB },
    ];
    const spec = specOf({ memoryMiB: mib(128), disks });
    const { id } = spec;
    for (const { name: disk, sizeGiB } of disks) await hypervisor.createDisk({ id, disk, sizeGiB });
    await hypervisor.define(spec);

    const boot = async () => {
      await hypervisor.boot(id, media);
      await guestUp(hypervisor, id);
    };
    /** Types a command, until its words are on the serial port: a shell that has just begun may not listen yet. */
    const inside = async (command: string, words: string) => {
      const keyboard = await (await connection.domainByUuid(id)).openConsole();
      const asked = new TextEncoder().encode(`\n${command}\n`);
      await keyboard.write(asked);
      const asking = setInterval(() => void keyboard.write(asked), 10_000);
      const said = async () => (await hypervisor.serial(id)).text.includes(words);
      await until(said, guestLookMs).finally(() => clearInterval(asking));
      keyboard.close();
    };
    const writeDisks = (word: string) =>
      inside(
        `for d in vda vdb; do echo ${word} | dd of=/dev/$d bs=512 seek=2048 conv=sync,fsync; done; echo "${word}-""written"`,
        `${word}-written`,
      );
    const readDisks = (word: string) =>
      inside(
        `for d in vda vdb; do blockdev --flushbufs /dev/$d; printf '[%s]' $(dd if=/dev/$d bs=512 skip=2048 count=1 2>/dev/null | head -c 9); done`,
        `[${word}][${word}]`,
      );

    await boot();
    await inside("X=one; echo set=$X", "set=one");
    await writeDisks("first");
    const memory = request("with memory", true);
    await hypervisor.createSnapshot(id, memory);
    await hypervisor.createSnapshot(id, memory);
    await inside("X=two; echo set=$X", "set=two");
    await writeDisks("second");
    const live = request("live", false);
    await hypervisor.createSnapshot(id, live);
    await hypervisor.createSnapshot(id, live);
    await writeDisks("third");

    const common = { createdBy: "admin", createdAt: expect.stringMatching(/^\d{4}-/), running: true };
    const tree = [
      { ...common, id: memory.id, name: memory.name, description: memory.description, memory: true, current: false },
      {
        ...common,
        ...{ id: live.id, name: live.name, description: live.description, memory: false, current: true },
        parent: memory.id,
      },
    ];
    expect<unknown>(await hypervisor.snapshots(id)).toEqual(tree);
    expect(await hypervisor.find(id)).toMatchObject({ state: "running", snapshots: 2 });
    for (const held of [memory.id, live.id])
      await expect(hypervisor.deleteSnapshot(id, held, false)).rejects.toMatchObject({ code: "snapshot-in-use" });

    // A new name, and a cell that has just been started: the tree is libvirt's.
    const renamed = { ...spec, name: "renamed", epoch: 2 };
    await hypervisor.define(renamed);
    expect<unknown>(await (await host.open()).snapshots(id)).toEqual(tree);

    const before = await hypervisor.find(id);
    await hypervisor.restoreSnapshot(renamed, memory.id);
    const restored = await hypervisor.find(id);
    expect(restored).toMatchObject({ state: "running", epoch: 2, spec: { name: "renamed" } });
    expect(restored?.startedAt).not.toBe(before?.startedAt);
    await inside("echo still=$X", "still=one");
    await readDisks("first");

    await hypervisor.restoreSnapshot(renamed, live.id);
    await hypervisor.restoreSnapshot(renamed, live.id);
    expect(await hypervisor.find(id)).toMatchObject({ state: "stopped", epoch: 2 });
    await boot();
    await readDisks("second");

    // While it runs: what depended on a deleted one moves to its parent, and the parent of the current one becomes
    // that.
    await hypervisor.deleteSnapshot(id, memory.id, true);
    expect(await hypervisor.snapshots(id)).toMatchObject([{ id: live.id, current: true }]);
    expect((await hypervisor.snapshots(id))[0]?.parent).toBeUndefined();
    await hypervisor.shutdown(id, true);
    const off = request("off", false);
    await hypervisor.createSnapshot(id, off);
    expect(await hypervisor.snapshots(id)).toMatchObject([{}, { id: off.id, parent: live.id, running: false }]);
    for (const each of [off.id, off.id, live.id]) await hypervisor.deleteSnapshot(id, each, true);
    expect(await hypervisor.snapshots(id)).toEqual([]);
    for (const file of await poolFiles(`${id}-*.qcow2`))
      expect(await Bun.$`qemu-img snapshot -l ${host.lab.storage}/pool/${file}`.text()).toBe("");
    await boot();
    await readDisks("second");
    await hypervisor.shutdown(id, true);

    // With snapshots an instance goes like any other.
    await hypervisor.createSnapshot(id, request("last", false));
    await hypervisor.undefine(id);
    for (const { name } of disks) await hypervisor.deleteDisk(id, name);
    expect(await poolFiles(`${id}*`)).toEqual([]);
  },
  patience,
);

test(
  "a snapshot of another time's medium is deleted while the instance runs",
  async () => {
    const media = await tinyMedia(hypervisor);
    const disks = [
      { name: "system", sizeGiB: oneGiB },
      { name: "data-1", sizeGiB: oneGiB },
    ];
    const spec = specOf({ disks });
    const { id } = spec;
    for (const { name: disk, sizeGiB } of disks) await hypervisor.createDisk({ id, disk, sizeGiB });
    await hypervisor.define(spec);
    await hypervisor.boot(id, media);
    const inMemory = request("medium in the drive", true);
    await hypervisor.createSnapshot(id, inMemory);
    const live = request("disks alone", false);
    await hypervisor.createSnapshot(id, live);
    await hypervisor.shutdown(id, true);
    const off = request("off", false);
    await hypervisor.createSnapshot(id, off);
    await hypervisor.restoreSnapshot(spec, inMemory.id);
    expect(await hypervisor.find(id)).toMatchObject({ state: "running", media: { name: "Tiny" } });

    // Both were taken with an empty drive, and now there is something in it.
    await hypervisor.deleteSnapshot(id, off.id, false);
    await hypervisor.deleteSnapshot(id, live.id, false);
    // The other way round: taken with a medium, deleted when it is out.
    await hypervisor.ejectMedia(id, true);
    await hypervisor.deleteSnapshot(id, inMemory.id, true);
    await hypervisor.deleteSnapshot(id, inMemory.id, true);
    expect(await hypervisor.snapshots(id)).toEqual([]);
    await hypervisor.shutdown(id, true);
    for (const file of await poolFiles(`${id}-*.qcow2`))
      expect(await Bun.$`qemu-img snapshot -l ${host.lab.storage}/pool/${file}`.text()).toBe("");
    await hypervisor.undefine(id);
    for (const { name } of disks) await hypervisor.deleteDisk(id, name);
  },
  patience,
);

test(
  "what cannot be is refused, and leaves nothing",
  async () => {
    const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
    const { id } = spec;
    await expect(hypervisor.createSnapshot(id, request("x", false))).rejects.toMatchObject({
      code: "instance-not-found",
    });
    await hypervisor.createDisk({ id, disk: "system", sizeGiB: oneGiB });
    await hypervisor.define(spec);
    await expect(hypervisor.createSnapshot(id, request("x", true))).rejects.toMatchObject({ code: "wrong-state" });
    await expect(hypervisor.restoreSnapshot(spec, newSnapshot())).rejects.toMatchObject({ code: "snapshot-not-found" });
    await hypervisor.deleteSnapshot(id, newSnapshot(), false);
    // As it would be with UEFI firmware.
    const where = { virtualization: "emulated", poolPath: `${host.lab.storage}/pool`, cores: 2 } as const;
    const xml = domainXml({ spec, host: where, password: "x" });
    await connection.defineDomain(
      xml.replace(/(<type [^>]*>hvm<\/type>)/, '$1<loader readonly="yes" type="pflash">/usr/share/OVMF/x.fd</loader>'),
    );
    await expect(hypervisor.createSnapshot(id, request("x", false))).rejects.toMatchObject({
      code: "unsupported-by-cell",
    });
    expect(await hypervisor.snapshots(id)).toEqual([]);
    await hypervisor.define(spec);
    await hypervisor.undefine(id);
    await hypervisor.deleteDisk(id, "system");
  },
  patience,
);
