/**
 * Mutated images, judged by our parsers and by QEMU's own programs, in confinement: what we take QEMU opens and reads,
 * or the probe before `ready` refuses it. Nothing of what our parsers refuse as unsafe is shown to QEMU.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DiskFormat, NanoError } from "@nano/contract";
import { runConfined } from "../convert/confine.ts";
import { requireOpens } from "../convert/probe.ts";
import { diskFile, fullQcow2File, make, qcow2File } from "../testing/files.ts";
import { diskImage } from "./disk.ts";
import type { ByteSource } from "./format.ts";

const never = new AbortController().signal;
const limits = { maxVirtualBytes: 2 ** 44 };
const source = (bytes: Uint8Array): ByteSource => ({
  length: bytes.length,
  read: async (offset, length) => bytes.slice(offset, offset + length),
});
/** The same mutations each time. */
const randomFrom = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return seed / 2 ** 31;
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-images-corpus-"));
});
afterAll(() => rm(directory, { recursive: true }));

const verdict = async (bytes: Uint8Array, format: DiskFormat): Promise<string> => {
  try {
    const image = diskImage(format);
    image.checkHead(bytes.subarray(0, image.headBytes), bytes.length <= image.headBytes, limits);
    await image.inspect(source(bytes), limits);
    return "fine";
  } catch (error) {
    if (!(error instanceof NanoError)) throw error;
    return error.code;
  }
};

/** Whether QEMU opens it and reads its first sector. */
const opens = async (path: string): Promise<boolean> => {
  const confined = { source: path, limits: { memoryBytes: 2 ** 30, cpuSeconds: 20, fileBytes: 0, ms: 60_000 } };
  for (const argv of [
    ["/usr/bin/qemu-img", "info", "-f", "qcow2", "/source"],
    ["/usr/bin/qemu-io", "-r", "-f", "qcow2", "-c", "read 0 512", "/source"],
  ])
    if ((await runConfined(argv, confined)).exitCode !== 0) return false;
  return true;
};

/** One to three bytes of the first `length` become others: often a bit, a small number, or all ones. */
const mutate = (bytes: Uint8Array, length: number, random: () => number): Uint8Array => {
  const copy = bytes.slice();
  for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
    const at = Math.floor(random() * Math.min(length, bytes.length));
    const how = Math.floor(random() * 4);
    copy[at] =
      how === 0
        ? (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8))
        : how === 1
          ? 0xff
          : how === 2
            ? Math.floor(random() * 4)
            : Math.floor(random() * 256);
  }
  return copy;
};

const withBitmap = () =>
  make(
    "x.qcow2",
    ["qemu-img", "create", "-q", "-f", "qcow2", "x.qcow2", "8M"],
    ["qemu-img", "bitmap", "--add", "x.qcow2", "backup"],
  );
const withSnapshot = () =>
  make(
    "x.qcow2",
    ["qemu-img", "create", "-q", "-f", "qcow2", "x.qcow2", "8M"],
    ["qemu-img", "snapshot", "-c", "before", "x.qcow2"],
  );
const seeds: [string, () => Promise<Uint8Array>][] = [
  ["an empty one", () => qcow2File("8M")],
  ["version 2", () => qcow2File("8M", "compat=0.10")],
  ["a full one", () => fullQcow2File(1)],
  ["one with a bitmap", withBitmap],
  ["one with a snapshot", withSnapshot],
  ["extended entries", () => qcow2File("8M", "extended_l2=on,cluster_size=128k")],
];

describe("a mutated qcow2 that becomes ready opens", () => {
  test.each(seeds)("%s", async (_what, make) => {
    const seed = await make();
    const random = randomFrom(seed.length);
    const path = join(directory, crypto.randomUUID());
    await Bun.write(path, seed);
    expect([await verdict(seed, "qcow2"), await opens(path)]).toEqual(["fine", true]);
    let [fine, refusedByProbe] = [0, 0];
    for (let round = 0; round < 40; round++) {
      const file = mutate(seed, round % 2 === 0 ? 112 : 640, random);
      if ((await verdict(file, "qcow2")) !== "fine") continue;
      fine++;
      await Bun.write(path, file);
      const passes = await requireOpens(path, never).then(
        () => true,
        (error: NanoError) => {
          expect(error.code).toBe("image-format-invalid");
          return false;
        },
      );
      if (!passes) refusedByProbe++;
      // What passes both is what QEMU opens, and nothing else.
      expect([round, passes]).toEqual([round, await opens(path)]);
    }
    // Otherwise nothing was tried.
    expect(fine).toBeGreaterThan(0);
    expect(refusedByProbe).toBeLessThanOrEqual(fine);
  });
});

describe("a mutated image of another format that our parsers take converts, or is refused by the converter", () => {
  test.each(["vmdk", "vdi", "vhdx", "vhd"] as const)("%s", async (format) => {
    const driver = format === "vhd" ? "vpc" : format;
    const seed = await diskFile(driver, 1);
    const random = randomFrom(seed.length + format.length);
    const [from, to] = [join(directory, crypto.randomUUID()), join(directory, crypto.randomUUID())];
    for (let round = 0; round < 15; round++) {
      const file = round === 0 ? seed : mutate(seed, 512, random);
      if ((await verdict(file, format)) !== "fine") continue;
      await Bun.write(from, file);
      await Bun.write(to, "");
      const { exitCode, timedOut } = await runConfined(
        ["/usr/bin/qemu-img", "convert", "-f", driver, "-O", "qcow2", "/source", "/result"],
        {
          source: from,
          result: to,
          limits: { memoryBytes: 2 ** 30, cpuSeconds: 60, fileBytes: 2 ** 30, ms: 120_000 },
        },
      );
      expect(timedOut).toBe(false);
      if (round === 0) expect(exitCode).toBe(0);
      // What comes out is looked at as what a stranger sends.
      if (exitCode === 0) expect(await verdict(await Bun.file(to).bytes(), "qcow2")).toBe("fine");
    }
  });
});
