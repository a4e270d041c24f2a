/** Files to upload: real ones by `qemu-img`, and an ISO 9660 volume as small as one can be. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const run = async (argv: string[], cwd: string): Promise<void> => {
  const process = Bun.spawn(argv, { cwd, stdout: "ignore", stderr: "pipe" });
  if ((await process.exited) !== 0) throw new Error(`${argv.join(" ")}: ${await process.stderr.text()}`);
};

/** Makes files in a directory of its own and answers one of them. */
export const make = async (name: string, ...commands: string[][]): Promise<Uint8Array> => {
  const directory = await mkdtemp(join(tmpdir(), "nano-images-file-"));
  try {
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

/** A qcow2 image with `mebibytes` of data in it that do not compress, so as long as that. */
export const fullQcow2File = (mebibytes: number, ...options: string[]): Promise<Uint8Array> =>
  make(
    "disk.qcow2",
    ["dd", "if=/dev/urandom", "of=raw", "bs=1M", `count=${mebibytes}`, "status=none"],
    ["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", ...options, "raw", "disk.qcow2"],
  );

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
