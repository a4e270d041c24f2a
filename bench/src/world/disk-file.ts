/** Disk images to measure with. */
import { open, rm } from "node:fs/promises";
import { run } from "./command.ts";

const MiB = 2 ** 20;

/**
 * A qcow2 file whose whole virtual size (`bytes`, a multiple of 4 MiB) is written, with bytes that neither compress nor
 * are zero: a copy of it can take no short cut.
 */
export async function writeQcow2(path: string, bytes: number): Promise<void> {
  const raw = `${path}.raw`;
  const file = await open(raw, "w");
  try {
    const block = new Uint8Array(4 * MiB);
    for (let at = 0; at < block.length; at += 65_536) crypto.getRandomValues(block.subarray(at, at + 65_536));
    for (let at = 0; at < bytes; at += block.length) await file.write(block);
  } finally {
    await file.close();
  }
  await run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path]);
  await rm(raw);
}

/**
 * A qcow2 file with every cluster allocated, in its tables and in the file system, but never written: large ones in no
 * time.
 */
export async function allocateQcow2(path: string, bytes: number): Promise<void> {
  await run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=falloc", path, String(bytes)]);
}

/**
 * A qcow2 file whose every cluster has its place and none is written: it looks as large as its disk, and takes next to
 * nothing.
 */
export async function sparseQcow2(path: string, bytes: number): Promise<void> {
  await run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, String(bytes)]);
}

/** Before something that writes much: what others have left to be written to that file system must not count for it. */
export const settle = (path: string): Promise<string> => run(["sync", "-f", path]);
