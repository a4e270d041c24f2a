/**
 * One disk image in another format, by `qemu-img convert` in confinement ({@link runConfined}). The format is always
 * told and never guessed, and the caller has read the source's header and tables before. What comes out is of no format
 * until the caller has inspected it.
 */
import { stat } from "node:fs/promises";
import { type DiskFormat, NanoError } from "@nano/contract";
import type { Reservation } from "../uploads/space.ts";
import { runConfined } from "./confine.ts";

/** As `qemu-img` calls them. */
const driver: Readonly<Record<DiskFormat, string>> = {
  qcow2: "qcow2",
  raw: "raw",
  vmdk: "vmdk",
  vdi: "vdi",
  vhdx: "vhdx",
  vhd: "vpc",
};

export interface ConvertOptions {
  readonly from: { readonly path: string; readonly format: DiskFormat };
  /** An empty file that is there already. */
  readonly to: {
    readonly path: string;
    readonly format: DiskFormat;
    /** To `qemu-img convert`, of this service's choice. */
    readonly options?: readonly string[];
  };
  /** Largest result, in bytes. */
  readonly maxBytes: number;
  /** Grows with the result. */
  readonly reservation: Reservation;
  readonly signal: AbortSignal;
  /** 0 to 100, rising. */
  readonly onProgress: (percent: number) => void;
}

const memoryBytes = 2 ** 30;
/** An honest disk takes far less, however slow the machine is. */
const leastSeconds = 600;
const bytesPerSecond = 4 * 2 ** 20;
const watchMs = 100;
const fileSizeSignal = 128 + 25;

/**
 * @throws NanoError `conversion-unavailable`, `conversion-failed`, `image-too-large`, `disk-full`, or the signal's reason. The result is the
 *   caller's to remove.
 */
export const convert = async (options: ConvertOptions): Promise<void> => {
  const { from, to, maxBytes, reservation, signal } = options;
  const seconds = leastSeconds + Math.ceil((await stat(from.path)).size / bytesPerSecond);
  const watch = watchGrowth(to.path, reservation);
  let percent = 0;
  const formats = ["-f", driver[from.format], "-O", driver[to.format], ...(to.options ?? [])];
  const argv = ["/usr/bin/qemu-img", "convert", "-p", ...formats, "--"];
  try {
    const { exitCode, complaint, timedOut } = await runConfined([...argv, "/source", "/result"], {
      source: from.path,
      result: to.path,
      limits: { memoryBytes, cpuSeconds: seconds, fileBytes: maxBytes, ms: seconds * 1_000 },
      signal: AbortSignal.any([signal, watch.full]),
      onOutput(text) {
        const now = Math.floor(Number(/.*\(\s*(\d+(?:\.\d+)?)\/100%\)/s.exec(text)?.[1] ?? 0));
        if (now <= percent || now > 100) return;
        percent = now;
        options.onProgress(percent);
      },
    });
    if (exitCode === 0) return;
    if (exitCode === fileSizeSignal || /File too large/.test(complaint))
      throw new NanoError(
        "image-too-large",
        `The converted disk has more than the ${maxBytes} bytes that are allowed`,
        {
          details: { maxBytes },
        },
      );
    if (/No space left|Disk quota/.test(complaint))
      throw new NanoError("disk-full", "The disk became full while the image was converted");
    const why = timedOut ? `it took more than ${seconds} s` : complaint.slice(-300) || `it ended with ${exitCode}`;
    throw new NanoError("conversion-failed", `The ${from.format} image could not be converted: ${why}`, {
      details: { from: from.format, to: to.format, reason: why },
    });
  } finally {
    await watch.stop();
  }
};

/**
 * Reserves what the file has come to take, so that other uploads count with it; `full` when there is no room for more.
 */
export const watchGrowth = (path: string, reservation: Reservation) => {
  const full = new AbortController();
  let known = 0;
  let looking: Promise<void> = Promise.resolve();
  const look = async () => {
    const grown = (await stat(path)).blocks * 512 - known;
    if (grown <= 0) return;
    await reservation.ensure(grown);
    reservation.wrote(grown);
    known += grown;
  };
  const timer = setInterval(() => {
    looking = looking.then(look).catch((error) => full.abort(error));
  }, watchMs);
  return {
    full: full.signal,
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
};
