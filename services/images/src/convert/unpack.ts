/**
 * What is inside a compressed file, by the usual program in confinement ({@link runConfined}). A bomb is a file of
 * which far more comes out than any disk's worth: it is ended by its ratio, by the largest file that is taken, and by
 * the room on the disk, whichever is first.
 */
import { stat } from "node:fs/promises";
import { NanoError } from "@nano/contract";
import { invalid } from "../formats/format.ts";
import { type PackingName, packings } from "../formats/packed.ts";
import type { Reservation } from "../uploads/space.ts";
import { runConfined } from "./confine.ts";
import { watchGrowth } from "./convert.ts";

export interface UnpackOptions {
  readonly from: { readonly path: string; readonly packing: PackingName };
  /** An empty file that is there already. */
  readonly to: { readonly path: string };
  /** Largest result, in bytes. */
  readonly maxBytes: number;
  readonly reservation: Reservation;
  readonly signal: AbortSignal;
}

const memoryBytes = 2 ** 30;
const leastSeconds = 600;
const bytesPerSecond = 2 * 2 ** 20;
/** Less than this is no harm, whatever it came from; an empty disk of that size is an honest file. */
const bombBytes = 2 ** 30;
/** gzip makes zeros 1,030 times shorter. Disks with anything on them stay far below that. */
const bombRatio = 1_000;
const fileSizeSignal = 128 + 25;

/**
 * @throws NanoError `image-format-invalid`, `image-too-large`, `disk-full`, `conversion-unavailable`, or the signal's
 * reason
 */
export const unpack = async (options: UnpackOptions): Promise<void> => {
  const { from, to, maxBytes, reservation, signal } = options;
  const { argv, name } = packings[from.packing];
  const { size } = await stat(from.path);
  const most = Math.min(maxBytes, Math.max(bombBytes, size * bombRatio));
  const seconds = leastSeconds + Math.ceil(size / bytesPerSecond);
  const watch = watchGrowth(to.path, reservation);
  try {
    // The shell reads nothing of the file: it only connects the two.
    const { exitCode, complaint, timedOut } = await runConfined(
      ["/usr/bin/sh", "-c", 'exec "$@" < /source > /result', "sh", ...argv],
      {
        source: from.path,
        result: to.path,
        limits: { memoryBytes, cpuSeconds: seconds, fileBytes: most, ms: seconds * 1_000 },
        signal: AbortSignal.any([signal, watch.full]),
      },
    );
    if (exitCode === 0) return;
    const unpacked = (await stat(to.path)).size;
    if (exitCode === fileSizeSignal || unpacked >= most || /File too large/.test(complaint))
      throw new NanoError(
        "image-too-large",
        most < maxBytes
          ? `More than ${bombRatio} times its length comes out of the ${name} file`
          : `What the ${name} file holds has more than the ${maxBytes} bytes that are allowed`,
        { details: { maxBytes: most } },
      );
    if (/No space left|Disk quota/.test(complaint))
      throw new NanoError("disk-full", "The disk became full while the file was unpacked");
    if (exitCode === 127 || exitCode === 126)
      throw new NanoError("conversion-unavailable", `${name} is not installed on the image service's machine`, {
        remedy: `Install ${name} where the image service runs; or unpack the file and send what is inside.`,
      });
    const why = timedOut ? `it takes more than ${seconds} s` : complaint.replaceAll("(stdin)", "the file").slice(-200);
    throw invalid(`The ${name} file cannot be unpacked: ${why || `it ended with ${exitCode}`}`, {
      remedy: `Try it yourself with \`${argv[0]} -t\`, and send it again when it is whole.`,
    });
  } finally {
    await watch.stop();
  }
};
