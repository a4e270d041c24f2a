/**
 * An instance's disk as a new disk image: copied, sent to the image service, inspected, hashed and published. Beside
 * it, a copy by qemu-img and its hash.
 */
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { ImageId } from "@nano/contract";
import type { Bench } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { run } from "../world/command.ts";
import { settle, writeQcow2 } from "../world/disk-file.ts";
import { createWritten } from "../world/instance.ts";
import { finished } from "../world/task.ts";
import { startZone } from "../world/zone.ts";

const MiB = 2 ** 20;

export const exports: Bench = {
  name: "export",
  about: "an image of a disk with 1 GiB, against qemu-img convert and sha256sum",
  async run({ quick, directory, say }) {
    say("starting a zone");
    await using zone = await startZone({ directory });
    const { bus } = zone;
    const written = quick ? 256 : 1024;
    say(`writing ${written} MiB to a disk`);
    const { id, disk } = await createWritten(zone, "bench", 1, async (path, bytes) => {
      await writeQcow2(path, written * MiB);
      await run(["qemu-img", "resize", "-q", "-f", "qcow2", path, String(bytes)]);
    });
    const scratch = join(zone.lab.storage, "scratch");

    say("exporting");
    const samples = await interleave(quick ? 2 : 5, {
      nano: async () => {
        await settle(disk);
        const start = Bun.nanoseconds();
        const { result } = await finished(bus, await bus.call("disk.export", { id, disk: "system", name: "bench" }));
        const taken = (Bun.nanoseconds() - start) / 1e9;
        await bus.call("image.delete", { id: result?.id as ImageId });
        return taken;
      },
      byHand: async () => {
        await settle(disk);
        const taken = await seconds(async () => {
          await run(["qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", disk, scratch]);
          await run(["sha256sum", scratch]);
        });
        await unlink(scratch);
        return taken;
      },
    });
    return [
      {
        what: `export of a disk with ${written} MiB, until the image is ready`,
        measured: { unit: "s", samples: samples.nano },
        peer: { name: "qemu-img convert, sha256sum", figure: { unit: "s", samples: samples.byHand } },
      },
    ];
  },
};
