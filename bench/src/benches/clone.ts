/**
 * A system disk from an image: an overlay on the image's read-only base volume, made by libvirt as a cell does it. Its
 * cost must not depend on how much the image holds.
 */
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { startLibvirtd } from "@nano/lab";
import { connect, type StoragePool } from "@nano/libvirt";
import type { Bench } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { atMost, ratioAtMost } from "../target.ts";
import { run } from "../world/command.ts";
import { allocateQcow2, writeQcow2 } from "../world/disk-file.ts";

const GiB = 2 ** 30;

export const clone: Bench = {
  name: "clone",
  about: "a system disk from a 1 GiB and a 10 GiB image, against qemu-img",
  async run({ quick, say }) {
    const [small, large] = [1, quick ? 4 : 10] as const;
    await using lab = await startLibvirtd();
    await using connection = await connect({ socket: lab.socket });
    const pool = await connection.definePool(
      `<pool type='dir'><name>bench</name><target><path>${lab.storage}</path></target></pool>`,
    );
    await pool.create();

    say(`writing images of ${small} and ${large} GiB`);
    const bases = { small: join(lab.storage, "small"), large: join(lab.storage, "large") };
    await writeQcow2(bases.small, small * GiB);
    await allocateQcow2(bases.large, large * GiB);
    await pool.refresh();

    say("cloning");
    const scratch = join(lab.storage, "scratch");
    const discarded = async (make: () => unknown): Promise<number> => {
      const taken = await seconds(make);
      await unlink(scratch);
      return taken;
    };
    const overlayBy = (base: string, bytes: number) => async (): Promise<number> => {
      const start = Bun.nanoseconds();
      const volume = await pool.createVolume(overlay(base, bytes));
      const taken = (Bun.nanoseconds() - start) / 1e9;
      await volume.delete();
      return taken;
    };
    const qemuImgOverlay = (base: string) => () =>
      discarded(() => run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, scratch]));

    const samples = await interleave(quick ? 7 : 25, {
      small: overlayBy(bases.small, small * GiB),
      qemuSmall: qemuImgOverlay(bases.small),
      large: overlayBy(bases.large, large * GiB),
      qemuLarge: qemuImgOverlay(bases.large),
    });
    say("copying in full");
    const copies = await interleave(quick ? 1 : 3, {
      overlay: overlayBy(bases.small, small * GiB),
      copy: () => discarded(() => run(["qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", bases.small, scratch])),
    });
    await tidy(pool);

    const figure = (values: readonly number[]) => ({ unit: "s", samples: values }) as const;
    return [
      {
        what: `clone of a ${small} GiB image`,
        measured: figure(samples.small),
        peer: { name: "qemu-img create -b", figure: figure(samples.qemuSmall) },
        target: atMost(0.02),
      },
      {
        what: `clone of a ${large} GiB image`,
        measured: figure(samples.large),
        peer: { name: "qemu-img create -b", figure: figure(samples.qemuLarge) },
        target: atMost(0.02),
      },
      {
        what: `clone: ${large} GiB against ${small} GiB`,
        measured: figure(samples.large),
        peer: { name: `${small} GiB`, figure: figure(samples.small) },
        target: ratioAtMost(1.2),
      },
      {
        what: `clone of a ${small} GiB image, against copying it`,
        measured: figure(copies.overlay),
        peer: { name: "qemu-img convert", figure: figure(copies.copy) },
      },
    ];
  },
};

const overlay = (base: string, bytes: number): string => `
  <volume type='file'><name>clone</name><capacity unit='bytes'>${bytes}</capacity>
    <target><format type='qcow2'/><permissions><mode>0600</mode></permissions></target>
    <backingStore><path>${base}</path><format type='qcow2'/></backingStore>
  </volume>`;

async function tidy(pool: StoragePool): Promise<void> {
  await pool.destroy();
  await pool.undefine();
}
