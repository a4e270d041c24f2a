/** Files to upload: real ones by `qemu-img`, and an ISO 9660 volume as small as one can be. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const run = async (argv: string[], cwd: string): Promise<void> => {
  const process = Bun.spawn(argv, { cwd, stdout: "ignore", stderr: "pipe" });
  if ((await process.exited) !== 0) throw new Error(`${argv.join(" ")}: ${await process.stderr.text()}`);
};

/** Makes files in a directory of its own and answers one of them. */
export const make = (name: string, ...commands: string[][]): Promise<Uint8Array> => makeFrom({}, name, ...commands);

/** @param given files that are there before */
export const makeFrom = async (given: Record<string, Uint8Array>, name: string, ...commands: string[][]) => {
  const directory = await mkdtemp(join(tmpdir(), "nano-images-file-"));
  try {
    for (const [path, bytes] of Object.entries(given)) await writeFile(join(directory, path), bytes);
    for (const argv of commands) await run(argv, directory);
    return new Uint8Array(await readFile(join(directory, name)));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

/** @param options of `-o`, like `compat=0.10` */
export const qcow2File = (size = "64M", ...options: string[]): Promise<Uint8Array> =>
  make("disk.qcow2", [
    "qemu-img",
    "create",
    "-q",
    "-f",
    "qcow2",
    ...options.flatMap((option) => ["-o", option]),
    "disk.qcow2",
    size,
  ]);

/** A qcow2 image with `mebibytes` (or sixteenths of one) of data in it that do not compress, so as long as that. */
export const fullQcow2File = (mebibytes: number, ...options: string[]): Promise<Uint8Array> =>
  make(
    "disk.qcow2",
    ["dd", "if=/dev/urandom", "of=raw", "bs=64K", `count=${mebibytes * 16}`, "status=none"],
    ["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", ...options, "raw", "disk.qcow2"],
  );

/** A disk of `mebibytes`, the first of them noise and the last one zeros, as `qemu-img` writes it in another format. */
export const diskFile = (format: string, mebibytes = 4, ...options: string[]): Promise<Uint8Array> =>
  make(
    "disk",
    ["dd", "if=/dev/urandom", "of=raw", "bs=1M", `count=${mebibytes - 1}`, "status=none"],
    ["truncate", "-s", `${mebibytes}M`, "raw"],
    ["qemu-img", "convert", "-q", "-f", "raw", "-O", format, ...options.flatMap((o) => ["-o", o]), "raw", "disk"],
  );

/** The disk in an image, as `qemu-img` reads it. */
export const rawOf = (format: string, image: Uint8Array): Promise<Uint8Array> =>
  makeFrom({ image }, "raw", ["qemu-img", "convert", "-q", "-f", format, "-O", "raw", "image", "raw"]);

/** A raw disk with a boot sector's signature, some noise, and `rest` in the rest of it. */
export const rawFile = (mebibytes = 2, rest = 0): Uint8Array => {
  const disk = new Uint8Array(mebibytes * 2 ** 20).fill(rest);
  disk.set(crypto.getRandomValues(new Uint8Array(65_536)), 4096);
  disk.set([0xeb, 0x63, 0x90], 0);
  disk.set([0x55, 0xaa], 510);
  return disk;
};

/** ISO 9660 (ECMA-119) reduced to a primary volume descriptor and its end. */
export const isoFile = (options: { label?: string; sectors?: number; declaredSectors?: number } = {}): Uint8Array => {
  const { label = "NANO", sectors = 32, declaredSectors = sectors } = options;
  const bytes = new Uint8Array(sectors * 2048);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string) => bytes.set(new TextEncoder().encode(value), at);
  const primary = 16 * 2048;
  bytes[primary] = 1;
  text(primary + 1, "CD001");
  bytes[primary + 6] = 1;
  text(primary + 40, label.padEnd(32));
  view.setUint32(primary + 80, declaredSectors, true);
  view.setUint32(primary + 84, declaredSectors);
  view.setUint16(primary + 128, 2048, true);
  view.setUint16(primary + 130, 2048);
  bytes[primary + 2048] = 255;
  text(primary + 2049, "CD001");
  bytes[primary + 2054] = 1;
  return bytes;
};
