/** The way of an image to a cell: the first instance made of it waits for the one transfer, the tenth for nothing. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { InstanceId } from "@nano/contract";
import type { Bench } from "../bench.ts";
import { seconds } from "../interleave.ts";
import { run } from "../world/command.ts";
import { settle, writeQcow2 } from "../world/disk-file.ts";
import { createInstance, deleteInstance, send } from "../world/instance.ts";
import { startZone } from "../world/zone.ts";

const MiB = 2 ** 20;

export const fetchImage: Bench = {
  name: "fetch",
  about: "an image to a cell: the first instance from it, and the tenth, against curl and sha256sum",
  async run({ quick, directory, say }) {
    const size = (quick ? 256 : 2_048) * MiB;
    const file = join(directory, "image.qcow2");
    say(`writing an image of ${size / MiB} MiB`);
    await writeQcow2(file, size);
    say("starting a zone");
    await using zone = await startZone({ directory });
    const { bus } = zone;
    const first: number[] = [];
    const tenth: number[] = [];
    const byHand: number[] = [];
    const rates: number[] = [];
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      // Another image each time, which the cell cannot have.
      await run(["qemu-io", "-f", "qcow2", "-c", `write -P ${round + 1} 0 64k`, file]);
      const { image, upload } = await bus.call("image.create", { name: `bench ${round}` });
      await send(upload, Bun.file(file));
      const { url, ticket, bytes } = await bus.call("image.download", { id: image.id });
      await settle(directory);
      const copy = join(directory, "copy");
      byHand.push(
        await seconds(async () => {
          await run(["curl", "-sSf", "-o", copy, "-H", `Authorization: Bearer ${ticket}`, url]);
          await run(["sync", copy]);
          await run(["sha256sum", copy]);
        }),
      );
      await rm(copy);
      await settle(directory);
      let made = 0;
      const make = async (): Promise<{ id: InstanceId; taken: number }> => {
        const began = Bun.nanoseconds();
        const wanted = { name: `bench-${round}-${made++}`, image: image.id, sizeGiB: Math.ceil(size / 2 ** 30) };
        const id = await createInstance(bus, wanted);
        return { id, taken: (Bun.nanoseconds() - began) / 1e9 };
      };
      const one = await make();
      first.push(one.taken);
      rates.push(bytes / one.taken);
      for (let more = 2; more <= 10; more++) {
        const { id, taken } = await make();
        await deleteInstance(bus, id);
        if (more === 10) tenth.push(taken);
      }
      await deleteInstance(bus, one.id);
      await bus.call("image.delete", { id: image.id });
    }
    const what = `create from an image of ${size / MiB} MiB that the cell does not have`;
    return [
      {
        what,
        measured: { unit: "s", samples: first },
        peer: { name: "curl, sync, sha256sum", figure: { unit: "s", samples: byHand } },
      },
      { what: "the tenth instance from it", measured: { unit: "s", samples: tenth } },
      { what: "that is, to the cell, verified", measured: { unit: "B/s", samples: rates } },
    ];
  },
};
