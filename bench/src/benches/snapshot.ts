/**
 * Snapshots of an instance that is off, and clones of it, by how much is written on its disk; from the call on the bus
 * until the task is done. Beside it, what qemu-img alone takes for a disk like it.
 */
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { diskVolume } from "@nano/cell/libvirt/names";
import type { InstanceId, SnapshotId } from "@nano/contract";
import type { Bench, Row } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { ratioAtMost } from "../target.ts";
import { run } from "../world/command.ts";
import { allocateQcow2, settle, writeQcow2 } from "../world/disk-file.ts";
import { createWritten, deleteInstance } from "../world/instance.ts";
import { finished } from "../world/task.ts";
import { startZone, storageOf, type Zone } from "../world/zone.ts";

/** An instance, its disk, and a disk just like it that is nobody's. */
interface Subject {
  readonly id: InstanceId;
  readonly disk: string;
  readonly twin: string;
  readonly sizeGiB: number;
}

const figure = (samples: readonly number[]) => ({ unit: "s", samples }) as const;

export const snapshot: Bench = {
  name: "snapshot",
  about: "a snapshot, and a clone, of 1 GiB and 10 GiB, against qemu-img",
  async run({ quick, directory, say }) {
    say("starting a zone");
    await using zone = await startZone({ directory });
    const sizes = [1, quick ? 4 : 10] as const;
    say(`writing disks of ${sizes.join(" and ")} GiB`);
    const prepare = async (sizeGiB: number, write: typeof writeQcow2): Promise<Subject> => {
      const { id, disk } = await createWritten(zone, `bench-${sizeGiB}`, sizeGiB, write);
      const twin = join(zone.lab.storage, `twin-${sizeGiB}.qcow2`);
      await write(twin, sizeGiB * 2 ** 30);
      return { id, disk, twin, sizeGiB };
    };
    const small = await prepare(sizes[0], writeQcow2);
    const large = await prepare(sizes[1], allocateQcow2);

    const rows: Row[] = [];
    say("taking and restoring snapshots");
    for (const subject of [small, large]) rows.push(...(await snapshots(zone, subject, quick ? 3 : 15)));
    say("cloning in full");
    rows.push(await fullClones(zone, small, quick ? 2 : 5));
    say("making linked clones");
    rows.push(...(await linkedClones(zone, small, large, quick ? 3 : 6)));
    return rows;
  },
};

async function snapshots({ bus }: Zone, { id, twin, sizeGiB }: Subject, rounds: number): Promise<Row[]> {
  const kept = async (): Promise<SnapshotId> => {
    const [only] = (await bus.call("snapshot.list", { id })).items;
    if (!only) throw new Error("the snapshot that was taken is not there");
    return only.id;
  };
  const qemuImg = (option: "-c" | "-a" | "-d") => run(["qemu-img", "snapshot", option, "bench", twin]);
  const samples = await interleave(rounds, {
    take: () => seconds(async () => finished(bus, await bus.call("snapshot.create", { id, name: "bench" }))),
    qemuTake: () => seconds(() => qemuImg("-c")),
    restore: async () => {
      const snapshot = await kept();
      const taken = await seconds(async () => finished(bus, await bus.call("snapshot.restore", { id, snapshot })));
      await finished(bus, await bus.call("snapshot.delete", { id, snapshot, force: true }));
      return taken;
    },
    qemuRestore: async () => {
      const taken = await seconds(() => qemuImg("-a"));
      await qemuImg("-d");
      return taken;
    },
  });
  const row = (what: string, mine: number[], option: string, theirs: number[]): Row => ({
    what: `${what} of ${sizeGiB} GiB`,
    measured: figure(mine),
    peer: { name: `qemu-img snapshot ${option}`, figure: figure(theirs) },
  });
  return [
    row("taking a snapshot", samples.take, "-c", samples.qemuTake),
    row("restoring a snapshot", samples.restore, "-a", samples.qemuRestore),
  ];
}

async function fullClones(zone: Zone, { id, disk, sizeGiB }: Subject, rounds: number): Promise<Row> {
  const samples = await interleave(rounds, {
    nano: async () => {
      await settle(disk);
      return cloned(zone, id, "full");
    },
    copy: async () => {
      await settle(disk);
      return scratched(zone, ["qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", disk]);
    },
  });
  return {
    what: `full clone of an instance with ${sizeGiB} GiB`,
    measured: figure(samples.nano),
    peer: { name: "qemu-img convert", figure: figure(samples.copy) },
  };
}

/**
 * Each finds its source written to since the one before: otherwise it would only be laid over what is frozen already.
 * `rounds`: less than the files that a source lies over at most.
 */
async function linkedClones(zone: Zone, small: Subject, large: Subject, rounds: number): Promise<Row[]> {
  const linked = async ({ id }: Subject): Promise<number> => {
    const file = await activeFile(zone, id);
    await run(["qemu-io", "-f", "qcow2", "-c", "write -q 0 64k", file]);
    return cloned(zone, id, "linked");
  };
  const overlay = ({ disk }: Subject) =>
    scratched(zone, ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", disk]);
  const samples = await interleave(rounds, {
    small: () => linked(small),
    qemuSmall: () => overlay(small),
    large: () => linked(large),
    qemuLarge: () => overlay(large),
  });
  const row = ({ sizeGiB }: Subject, mine: number[], theirs: number[]): Row => ({
    what: `linked clone of an instance with ${sizeGiB} GiB`,
    measured: figure(mine),
    peer: { name: "qemu-img create -b", figure: figure(theirs) },
  });
  return [
    row(small, samples.small, samples.qemuSmall),
    row(large, samples.large, samples.qemuLarge),
    {
      what: `linked clone: ${large.sizeGiB} GiB against ${small.sizeGiB} GiB`,
      measured: figure(samples.large),
      peer: { name: `${small.sizeGiB} GiB`, figure: figure(samples.small) },
      target: ratioAtMost(1.2),
    },
  ];
}

/** Seconds until there is a clone; it is deleted again. */
async function cloned({ bus }: Zone, id: InstanceId, mode: "full" | "linked"): Promise<number> {
  const start = Bun.nanoseconds();
  const { resource } = await finished(bus, await bus.call("instance.clone", { id, name: "clone", mode }));
  const taken = (Bun.nanoseconds() - start) / 1e9;
  await deleteInstance(bus, resource.id as InstanceId);
  return taken;
}

/** Seconds that the command takes to make a file, which is deleted again; its path is the last word. */
async function scratched({ lab }: Zone, command: readonly string[]): Promise<number> {
  const scratch = join(lab.storage, "scratch");
  const taken = await seconds(() => run([...command, scratch]));
  await unlink(scratch);
  return taken;
}

/** What an instance writes to changes with each clone that is laid over it. */
async function activeFile({ bus, settings }: Zone, id: InstanceId): Promise<string> {
  const [system] = (await bus.call("instance.get", { id })).disks;
  return join(storageOf(settings), diskVolume(id, "system", system?.generation));
}
