/**
 * Clones on a real libvirtd: which bytes are in whose file is said by qemu-io, and of a running instance by the QEMU
 * that has them open.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type InstanceId, type InstanceSpec, type SnapshotId, silentLog } from "@nano/contract";
import { type LabLibvirtd, startLibvirtd } from "@nano/lab";
import { type Connection, connect } from "@nano/libvirt";
import { layersAtMost } from "../hypervisor.ts";
import { type LabHost, labConfig, oneGiB, openHypervisor, specOf, startLabHost, until } from "../testing.ts";
import { gib } from "../units.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

const patience = 120_000;
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
}, patience);

const pool = () => `${host.lab.storage}/pool`;
/** Of the disks, and whatever belongs to them. */
const files = async () => (await Array.fromAsync(new Bun.Glob("*qcow2*").scan(pool()))).sort();
const nothingLeft = async () => expect(await files()).toEqual([]);

const write = ({ id }: InstanceSpec, disk: string, pattern: number, at: string) =>
  Bun.$`qemu-io -f qcow2 -c ${`write -P ${pattern} ${at} 64k`} ${pool()}/${id}-${disk}.qcow2`.quiet();
/** Whether these bytes of a disk are the pattern. */
const holds = async ({ id }: InstanceSpec, disk: string, pattern: number, at: string) => {
  const command = `read -P ${pattern} ${at} 64k`;
  const asked = Bun.$`qemu-io -U -f qcow2 -r -c ${command} ${pool()}/${id}-${disk}.qcow2`.nothrow().quiet();
  const { exitCode, stdout } = await asked;
  return exitCode === 0 && !stdout.includes("failed");
};
interface Opened {
  readonly filename: string;
  readonly "backing-image"?: Opened;
}
const namesOf = ({ filename, "backing-image": below }: Opened): string[] => [
  filename.slice(filename.lastIndexOf("/") + 1),
  ...(below ? namesOf(below) : []),
];
/** The files of a running instance's first disk that its QEMU has open, from the uppermost on. */
const opened = async ({ id }: InstanceSpec): Promise<string[]> => {
  const answer = await (await connection.domainByUuid(id)).monitorCommand({ execute: "query-block" });
  const blocks: { return: { inserted?: { ro: boolean; image: Opened } }[] } = JSON.parse(answer);
  return blocks.return.flatMap(({ inserted }) => (inserted?.ro === false ? namesOf(inserted.image) : []));
};

const defined = async (disks: InstanceSpec["disks"] = [{ name: "system", sizeGiB: oneGiB }]): Promise<InstanceSpec> => {
  const spec = specOf({ disks });
  for (const { name, sizeGiB } of disks) await hypervisor.createDisk({ id: spec.id, disk: name, sizeGiB });
  await hypervisor.define(spec);
  return spec;
};
const shared = ({ disks }: InstanceSpec): InstanceSpec["disks"] =>
  disks.map(({ name, sizeGiB }) => ({ name, sizeGiB, backing: "shared" }));
/** As the scheduler does it. @returns the clone, and the source as it is defined then */
const linked = async (source: InstanceSpec): Promise<{ clone: InstanceSpec; source: InstanceSpec; froze: boolean }> => {
  const clone = specOf({ disks: shared(source) });
  const generation = Math.max(...source.disks.map((disk) => disk.generation ?? 0)) + 1;
  const froze = await hypervisor.linkDisks(source.id, generation, clone.id);
  await hypervisor.define(clone);
  const after = { ...source, disks: shared(source).map((disk) => ({ ...disk, generation })) };
  if (froze) await hypervisor.define(after);
  return { clone, source: froze ? after : source, froze };
};
const remove = async ({ id, disks }: InstanceSpec) => {
  await hypervisor.undefine(id);
  for (const { name } of disks) await hypervisor.deleteDisk(id, name);
};

describe("linked", () => {
  test(
    "what was written before is in both, what is written after in one; and the clone outlives its source",
    async () => {
      const bare = await defined();
      await write(bare, "system", 0x5a, "1M");
      const { clone, source } = await linked(bare);
      const names = [bare, clone].map(({ id }) => id);
      expect(await files()).toEqual(
        [
          `${names[0]}-system.1.qcow2`,
          `${names[0]}-system.qcow2`,
          `${names[0]}-system.qcow2.frozen`,
          `${names[1]}-system.qcow2`,
        ].sort(),
      );
      expect(await holds(clone, "system", 0x5a, "1M")).toBe(true);
      expect(await holds(source, "system.1", 0x5a, "1M")).toBe(true);
      await write(source, "system.1", 0x11, "1M");
      await write(clone, "system", 0x22, "2M");
      expect(await holds(source, "system.1", 0x11, "1M")).toBe(true);
      expect(await holds(source, "system.1", 0, "2M")).toBe(true);
      expect(await holds(clone, "system", 0x5a, "1M")).toBe(true);
      // Both run at once over the same file, and each of the QEMUs sees its own.
      for (const { id } of [source, clone]) await hypervisor.boot(id, undefined);
      const ground = `${source.id}-system.qcow2`;
      expect(await opened(source)).toEqual([`${source.id}-system.1.qcow2`, ground]);
      expect(await opened(clone)).toEqual([`${clone.id}-system.qcow2`, ground]);
      await expect(hypervisor.linkDisks(source.id, 2, clone.id)).rejects.toMatchObject({ code: "wrong-state" });

      await hypervisor.discardDisk(source.id, "system");
      await remove(source);
      expect(await files()).toHaveLength(3);
      await hypervisor.shutdown(clone.id, true);
      await hypervisor.growDisk(clone.id, "system", gib(2));
      await hypervisor.boot(clone.id, undefined);
      expect(await opened(clone)).toEqual([`${clone.id}-system.qcow2`, ground]);
      expect(await holds(clone, "system", 0x5a, "1M")).toBe(true);
      expect(await holds(clone, "system", 0, "1536M")).toBe(true);
      // A cell that starts anew finds out by itself what is still lain over.
      await (await host.open()).find(clone.id);
      expect(await files()).toHaveLength(3);
      await remove(clone);
      await nothingLeft();
    },
    patience,
  );

  test(
    "a disk shares the file under it as long as another one needs that",
    async () => {
      const bare = await defined();
      const sharedOf = async ({ id }: InstanceSpec) => (await hypervisor.measureDisks(id)).map(({ shared }) => shared);
      expect(await sharedOf(bare)).toEqual([undefined]);
      const { clone, source } = await linked(bare);
      expect([await sharedOf(source), await sharedOf(clone)]).toEqual([[true], [true]]);
      await remove(clone);
      expect(await sharedOf(source)).toEqual([false]);
      await remove(source);
      await nothingLeft();
    },
    patience,
  );

  test(
    "clones of a source that has written nothing since share one frozen file, however many; after that there is another layer",
    async () => {
      let { clone, source, froze } = await linked(await defined());
      expect(froze).toBe(true);
      const clones = [clone];
      for (let n = 0; n < 12; n++) {
        ({ clone, froze } = await linked(source));
        expect(froze).toBe(false);
        clones.push(clone);
      }
      expect((await files()).filter((name) => name.endsWith(".frozen"))).toHaveLength(1);
      // Starting alone writes nothing; writing does.
      await hypervisor.boot(source.id, undefined);
      await hypervisor.shutdown(source.id, true);
      await write(source, "system.1", 0x33, "512M");
      const written = await linked(source);
      expect(written.froze).toBe(true);
      expect(await holds(written.clone, "system", 0x33, "512M")).toBe(true);
      expect(await holds(clone, "system", 0, "512M")).toBe(true);
      // A clone can be cloned, too.
      const second = await linked(written.clone);
      expect(second.froze).toBe(false);
      for (const each of [...clones, written.source, written.clone, second.clone]) await remove(each);
      await nothingLeft();
    },
    patience,
  );

  test(
    "zeroing what lies below counts as writing",
    async () => {
      const bare = await defined();
      await write(bare, "system", 0x5a, "1M");
      const first = await linked(bare);
      const file = `${pool()}/${bare.id}-system.1.qcow2`;
      await Bun.$`qemu-io -f qcow2 -c ${"write -z 1M 64k"} ${file}`.quiet();
      const second = await linked(first.source);
      expect(second.froze).toBe(true);
      expect(await holds(second.clone, "system", 0, "1M")).toBe(true);
      for (const each of [first.clone, second.source, second.clone]) await remove(each);
      await nothingLeft();
    },
    patience,
  );

  test(
    "there is an end to the layers, and a full clone begins with none",
    async () => {
      let source = await defined();
      const clones: InstanceSpec[] = [];
      for (let layer = 0; layer < layersAtMost; layer++) {
        const made = await linked(source);
        clones.push(made.clone);
        source = made.source;
        await write(source, `system.${layer + 1}`, layer + 1, `${layer + 1}M`);
      }
      await expect(hypervisor.linkDisks(source.id, 99, specOf().id)).rejects.toMatchObject({
        code: "limit-reached",
        details: { layers: layersAtMost, most: layersAtMost },
      });
      const copy = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
      await until(async () => (await hypervisor.copyDisk(copy.id, "system", source.id)).ready);
      await hypervisor.define(copy);
      for (let layer = 1; layer <= layersAtMost; layer++)
        expect(await holds(copy, "system", layer, `${layer}M`)).toBe(true);
      // From the bottom: each layer goes with the last that lies over it.
      for (const each of [...clones, source]) await remove(each);
      const again = await linked(copy);
      expect(again.froze).toBe(true);
      for (const each of [again.source, again.clone]) await remove(each);
      await nothingLeft();
    },
    patience,
  );

  test(
    "a link that was cut off is made again, or taken back; the source is never touched by it",
    async () => {
      const source = await defined([
        { name: "system", sizeGiB: oneGiB },
        { name: "data-1", sizeGiB: gib(2) },
      ]);
      await write(source, "data-1", 0x5a, "1M");
      const before = await files();
      const clone = specOf({ disks: shared(source) });
      for (const _ of [1, 2]) expect(await hypervisor.linkDisks(source.id, 1, clone.id)).toBe(true);
      // Killed in the middle: the second disk has no files yet.
      for (const name of [
        `${source.id}-data-1.1.qcow2`,
        `${source.id}-data-1.qcow2.frozen`,
        `${clone.id}-data-1.qcow2`,
      ])
        await Bun.file(`${pool()}/${name}`).delete();
      await (await connection.poolByName("nano")).refresh();
      expect(await hypervisor.linkDisks(source.id, 1, clone.id)).toBe(true);
      expect(await files()).toHaveLength(8);
      const takeBack = async () => {
        for (const { name } of source.disks) await hypervisor.discardDisk(source.id, name);
        for (const { name } of clone.disks) await hypervisor.deleteDisk(clone.id, name);
      };
      for (const _ of [1, 2]) await takeBack();
      expect(await files()).toEqual(before);
      await hypervisor.boot(source.id, undefined);
      expect((await hypervisor.find(source.id))?.state).toBe("running");
      await remove(source);
      await nothingLeft();
    },
    patience,
  );

  test(
    "snapshots of the source are refused, those of a linked clone work; written anew neither can be",
    async () => {
      const bare = await defined();
      const snapshot = {
        id: Bun.randomUUIDv7() as SnapshotId,
        name: "s",
        description: "",
        createdBy: "admin",
        memory: false,
      };
      await hypervisor.createSnapshot(bare.id, snapshot);
      await expect(hypervisor.linkDisks(bare.id, 1, specOf().id)).rejects.toMatchObject({ code: "has-snapshots" });
      await hypervisor.deleteSnapshot(bare.id, snapshot.id, true);
      const { clone, source } = await linked(bare);
      for (const { id } of [clone, source])
        await expect(hypervisor.rewriteDisk(id, "system", 7)).rejects.toMatchObject({ code: "unsupported-by-cell" });
      await hypervisor.createSnapshot(clone.id, snapshot);
      await write(clone, "system", 0x44, "1M");
      await hypervisor.restoreSnapshot(clone, snapshot.id);
      expect(await holds(clone, "system", 0, "1M")).toBe(true);
      await hypervisor.deleteSnapshot(clone.id, snapshot.id, true);
      for (const each of [source, clone]) await remove(each);
      await nothingLeft();
    },
    patience,
  );

  test(
    "a system made anew, and a disk that comes again under its name, take other files than the frozen ones",
    async () => {
      const disks = [
        { name: "system", sizeGiB: oneGiB },
        { name: "data-1", sizeGiB: oneGiB },
      ];
      const bare = await defined(disks);
      for (const { name } of disks) await write(bare, name, 0x5a, "1M");
      const { clone, source } = await linked(bare);
      await expect(hypervisor.createDisk({ id: bare.id, disk: "system", sizeGiB: oneGiB })).rejects.toMatchObject({
        code: "hypervisor-failed",
      });
      for (const { name } of disks) {
        await hypervisor.deleteDisk(bare.id, name);
        await hypervisor.createDisk({ id: bare.id, disk: name, sizeGiB: oneGiB, generation: 2 });
      }
      const anew = { ...source, disks: disks.map((disk) => ({ ...disk, generation: 2 })) };
      await hypervisor.define(anew);
      await write(anew, "system.2", 0x66, "1M");
      for (const { name } of disks) expect(await holds(clone, name, 0x5a, "1M")).toBe(true);
      await hypervisor.boot(anew.id, undefined);
      expect(await opened(anew)).toEqual(disks.map(({ name }) => `${anew.id}-${name}.2.qcow2`));
      for (const each of [clone, anew]) await remove(each);
      await nothingLeft();
    },
    patience,
  );
});

describe("full", () => {
  test(
    "the copy holds what the source held, lies over nothing, and shares nothing with it",
    async () => {
      const bare = await defined();
      await write(bare, "system", 0x5a, "1M");
      const { clone: source, source: other } = await linked(bare);
      await write(source, "system", 0x77, "2M");
      const copy = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
      await until(async () => (await hypervisor.copyDisk(copy.id, "system", source.id)).ready);
      const { bytesDone, bytesTotal } = await hypervisor.copyDisk(copy.id, "system", source.id);
      expect(bytesDone).toBe(bytesTotal);
      await hypervisor.define(copy);
      await hypervisor.discardDisk(copy.id, "system");
      for (const each of [source, other]) await remove(each);
      expect(await files()).toEqual([`${copy.id}-system.qcow2`]);
      expect(await holds(copy, "system", 0x5a, "1M")).toBe(true);
      expect(await holds(copy, "system", 0x77, "2M")).toBe(true);
      await hypervisor.boot(copy.id, undefined);
      expect(await opened(copy)).toEqual([`${copy.id}-system.qcow2`]);
      await expect(hypervisor.copyDisk(specOf().id, "system", copy.id)).rejects.toMatchObject({ code: "wrong-state" });
      await hypervisor.shutdown(copy.id, true);
      await until(async () => (await hypervisor.rewriteDisk(copy.id, "system", 1)).ready);
      await remove(copy);
      await nothingLeft();
    },
    patience,
  );

  test(
    "what a killed cell left of a copy is not a disk; a disk that is not there is named",
    async () => {
      const source = await defined();
      await write(source, "system", 0x5a, "1M");
      const copy = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
      await Bun.write(`${pool()}/${copy.id}-system.qcow2`, new Uint8Array(100_000));
      await until(async () => (await hypervisor.copyDisk(copy.id, "system", source.id)).ready);
      expect(await holds(copy, "system", 0x5a, "1M")).toBe(true);
      await hypervisor.deleteDisk(copy.id, "system");
      await expect(hypervisor.copyDisk(copy.id, "data-1", source.id)).rejects.toMatchObject({ code: "disk-not-found" });
      const nobody = crypto.randomUUID() as InstanceId;
      await expect(hypervisor.copyDisk(copy.id, "system", nobody)).rejects.toMatchObject({
        code: "instance-not-found",
      });
      await remove(source);
      await nothingLeft();
    },
    patience,
  );
});

test(
  "storage that is full ends a copy with that reason, once, and leaves nothing",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "nano-full-"));
    await mkdir(`${directory}/storage`);
    await Bun.$`mount -t tmpfs -o size=32m tmpfs ${directory}/storage`.quiet();
    let lab: LabLibvirtd | undefined;
    let small: LibvirtHypervisor | undefined;
    try {
      lab = await startLibvirtd({ dir: directory });
      small = await openHypervisor(labConfig(lab), silentLog);
      const source = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
      await small.createDisk({ id: source.id, disk: "system", sizeGiB: oneGiB });
      await small.define(source);
      const file = `${lab.storage}/pool/${source.id}-system.qcow2`;
      await Bun.$`qemu-io -f qcow2 -c ${"write -P 0x5a 0 20M"} ${file}`.quiet();
      const copy = specOf().id;
      const full = small;
      await expect(until(async () => (await full.copyDisk(copy, "system", source.id)).ready)).rejects.toMatchObject({
        code: "disk-full",
      });
      await full.deleteDisk(copy, "system");
      const left = await Array.fromAsync(new Bun.Glob("*qcow2*").scan(`${lab.storage}/pool`));
      expect(left).toEqual([`${source.id}-system.qcow2`]);
      expect((await Bun.$`qemu-io -f qcow2 -r -c ${"read -P 0x5a 0 20M"} ${file}`.quiet()).exitCode).toBe(0);
    } finally {
      await small?.stop();
      await Bun.$`umount -l ${directory}/storage`.quiet().nothrow();
      await lab?.stop();
    }
  },
  patience,
);
