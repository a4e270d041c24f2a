/** What an upload costs the image service in memory, whatever its size. */
import { rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Bench, Row } from "../bench.ts";
import { atMost } from "../target.ts";
import { sparseQcow2 } from "../world/disk-file.ts";
import { type Images, startImages } from "../world/images.ts";
import { resident, watchMemory } from "../world/process.ts";
import { send } from "./upload.ts";

const MiB = 2 ** 20;
const GiB = 2 ** 30;

export const uploadMemory: Bench = {
  name: "upload-memory",
  about: "memory of the image service while it takes 1, 10 and 50 GiB",
  async run({ quick, directory, say }) {
    await using images = await startImages(directory);
    const rows: Row[] = [];
    for (const gibibytes of quick ? [1] : [1, 10, 50]) rows.push(...(await large(images, directory, gibibytes, say)));
    return rows;
  },
};

/** A sparse file, which the client reads in no time; it is written in full. */
async function large(
  images: Images,
  directory: string,
  gibibytes: number,
  say: (text: string) => void,
): Promise<Row[]> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < gibibytes * 1.2 * GiB) {
    say(`there is no room for ${gibibytes} GiB: that size is left out`);
    return [];
  }
  say(`memory at ${gibibytes} GiB`);
  const file = join(directory, "large.qcow2");
  await sparseQcow2(file, gibibytes * GiB);
  const { id, upload: target } = await images.begin(Bun.file(file).size);
  const before = resident(images.pid);
  const memory = watchMemory(images.pid);
  await send(file, target.url, `Authorization: Bearer ${target.ticket}`);
  const grown = memory.stop() - before;
  await images.remove(id);
  await rm(file);
  return [
    {
      what: `upload of ${gibibytes} GiB: memory growth`,
      measured: { unit: "B", samples: [grown] },
      target: atMost(64 * MiB),
    },
  ];
}
