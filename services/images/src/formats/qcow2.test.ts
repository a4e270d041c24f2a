import { beforeAll, describe, expect, test } from "bun:test";
import { NanoError } from "@nano/contract";
import fc from "fast-check";
import { fullQcow2File, make, qcow2File } from "../testing/files.ts";
import type { ByteSource } from "./format.ts";
import { headLimit, parseQcow2Header } from "./qcow2.ts";
import { qcow2 } from "./qcow2-tables.ts";

const limits = { maxVirtualBytes: 2 ** 44 };
const source = (bytes: Uint8Array): ByteSource => ({
  length: bytes.length,
  read: async (offset, length) => bytes.slice(offset, offset + length),
});
/** The code and message of the refusal, or `fine`. */
const verdict = async (bytes: Uint8Array): Promise<string> => {
  try {
    qcow2.checkHead(bytes.subarray(0, headLimit), true, limits);
    await qcow2.inspect(source(bytes), limits);
    return "fine";
  } catch (error) {
    if (!(error instanceof NanoError)) throw error;
    return `${error.code}: ${error.message}`;
  }
};
/** A copy with a part of it overwritten. */
const patched = (bytes: Uint8Array, at: number, size: 1 | 4 | 8, value: number | bigint): Uint8Array => {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  if (size === 1) view.setUint8(at, Number(value));
  else if (size === 4) view.setUint32(at, Number(value));
  else view.setBigUint64(at, BigInt(value));
  return copy;
};

let plain: Uint8Array;
let old: Uint8Array;
let full: Uint8Array;
beforeAll(async () => {
  [plain, old, full] = await Promise.all([qcow2File("64M"), qcow2File("64M", "compat=0.10"), fullQcow2File(2)]);
});

describe("bitmaps", () => {
  const withBitmap = () =>
    make(
      "x.qcow2",
      ["qemu-img", "create", "-q", "-f", "qcow2", "x.qcow2", "64M"],
      ["qemu-img", "bitmap", "--add", "x.qcow2", "backup"],
    );
  /** Where the extension's content begins. */
  const contentOf = (file: Uint8Array) => Buffer.from(file).indexOf(Buffer.from("23852875", "hex")) + 8;

  test("as a backup program leaves them are taken", async () => {
    expect(await verdict(await withBitmap())).toBe("fine");
  });
  test.each([
    ["none", 0, 4, 0],
    ["too many", 0, 4, 0xffffffff],
    ["something reserved", 4, 4, 1],
    ["a directory of 1 TiB", 8, 8, 2 ** 40],
    ["an empty directory", 8, 8, 0],
    ["a directory within a cluster", 16, 8, 512],
    ["an extension of another length", -4, 4, 16],
  ] as const)("%s: QEMU does not open that", async (_what, at, size, value) => {
    const file = await withBitmap();
    expect(await verdict(patched(file, contentOf(file) + at, size, value))).toStartWith(
      "image-format-invalid: The bitm",
    );
    // Out of date they do no harm.
    if (at >= 0)
      expect(await verdict(patched(patched(file, contentOf(file) + at, size, value), 88, 8, 0))).toBe("fine");
  });
});

test("a disk that ends within a sector has the sectors that QEMU sees", async () => {
  const facts = await qcow2.inspect(source(patched(plain, 24, 8, 64 * 2 ** 20 - 100)), limits);
  expect(facts.virtualBytes).toBe(64 * 2 ** 20 - 512);
  expect(await verdict(patched(plain, 24, 8, 511))).toContain("a disk of 0 bytes");
});

describe("what qemu-img makes and names another file is refused", () => {
  const create = (...options: string[]) => ["qemu-img", "create", "-q", "-f", "qcow2", ...options];

  test.each([
    ["a path", ["-b", "/etc/passwd", "-F", "raw", "-u"]],
    ["a json: name", ["-b", 'json:{"driver":"file","filename":"/etc/passwd"}', "-F", "raw", "-u"]],
    ["an nbd: name", ["-b", "nbd://127.0.0.1:10809/x", "-F", "raw", "-u"]],
  ])("a backing file that is %s", async (_what, options) => {
    const file = await make("x.qcow2", [...create(...options), "x.qcow2", "1G"]);
    expect(await verdict(file)).toStartWith("image-unsafe: The image has a backing file");
  });

  test.each(["off", "on"])("an external data file, raw %s", async (raw) => {
    const file = await make("x.qcow2", [...create("-o", `data_file=other.raw,data_file_raw=${raw}`), "x.qcow2", "1M"]);
    expect(await verdict(file)).toStartWith("image-unsafe: The image keeps its data in an external file");
  });

  test("encryption", async () => {
    const file = await make("x.qcow2", [
      ...create("--object", "secret,id=s,data=hidden", "-o", "encrypt.format=aes,encrypt.key-secret=s"),
      "x.qcow2",
      "1M",
    ]);
    expect(await verdict(file)).toStartWith("image-unsafe: The image is encrypted");
  });

  test("a version that is not known", async () => {
    expect(await verdict(patched(plain, 4, 4, 4))).toBe(
      "image-format-invalid: qcow2 version 4 is not known; 2 and 3 are",
    );
    expect(await verdict(await make("x", ["qemu-img", "create", "-q", "-f", "qcow", "x", "1M"]))).toContain(
      "version 1",
    );
  });
});

describe("hand-made hostile headers", () => {
  const hostile: [string, () => Uint8Array, string][] = [
    ["a backing file offset alone", () => patched(plain, 8, 8, 512), "image-unsafe: The image has a backing file"],
    ["one in an old header", () => patched(old, 8, 8, 512), "image-unsafe: The image has a backing file"],
    ["the external data file bit", () => patched(plain, 72, 8, 4), "image-unsafe: The image keeps its data"],
    ["the raw data file bit alone", () => patched(plain, 88, 8, 2), "image-unsafe: The image keeps its data"],
    ["an unknown incompatible bit", () => patched(plain, 72, 8, 1n << 5n), "image-unsafe: The image needs features"],
    [
      "the highest incompatible bit",
      () => patched(plain, 72, 8, 1n << 63n),
      "image-unsafe: The image needs features that are not known here (incompatible bits 63)",
    ],
    ["the corrupt bit", () => patched(plain, 72, 8, 2), "image-format-invalid: The image is marked as corrupt"],
    ["encryption", () => patched(plain, 32, 4, 1), "image-unsafe: The image is encrypted"],
    [
      "an unknown compression",
      () => patched(patched(plain, 72, 8, 8), 104, 1, 2),
      "image-unsafe: The image is compressed in a way",
    ],
    [
      "a compression bit without type",
      () => patched(plain, 72, 8, 8),
      "image-format-invalid: The qcow2 header contradicts",
    ],
    ["cluster_bits 8", () => patched(plain, 20, 4, 8), "image-format-invalid: cluster_bits is 8"],
    ["cluster_bits 22", () => patched(plain, 20, 4, 22), "image-format-invalid: cluster_bits is 22"],
    [
      "cluster_bits 2^32-1",
      () => patched(plain, 20, 4, 0xffffffff),
      "image-format-invalid: cluster_bits is 4294967295",
    ],
    [
      "extended L2 with small clusters",
      () => patched(patched(plain, 72, 8, 16), 20, 4, 13),
      "image-format-invalid: cluster_bits is 13",
    ],
    [
      "a disk of 1 PiB",
      () => patched(plain, 24, 8, 1n << 50n),
      "image-too-large: The image declares a disk of 1125899906842624 bytes",
    ],
    ["a disk of 2^64-1", () => patched(plain, 24, 8, (1n << 64n) - 1n), "image-too-large"],
    ["a disk of nothing", () => patched(plain, 24, 8, 0), "image-format-invalid: The image declares a disk of 0 bytes"],
    [
      "an L1 table too small for the disk",
      () => patched(plain, 24, 8, 1n << 40n),
      "image-format-invalid: The L1 table has 1 entries",
    ],
    [
      "an L1 table of 32 GiB",
      () => patched(plain, 36, 4, 0xffffffff),
      "image-format-invalid: The L1 table has 4294967295 entries",
    ],
    [
      "an L1 table beyond the file",
      () => patched(plain, 40, 8, 1n << 40n),
      "image-format-invalid: The file is truncated or damaged: its L1 table",
    ],
    [
      "an L1 table at 2^63",
      () => patched(plain, 40, 8, 1n << 63n),
      "image-format-invalid: The L1 table lies at offset",
    ],
    [
      "an L1 table at an odd place",
      () => patched(plain, 40, 8, 0x30008),
      "image-format-invalid: The L1 table lies at offset 196616, which",
    ],
    [
      "an L1 table over the header",
      () => patched(plain, 40, 8, 0),
      "image-format-invalid: The L1 table lies over the header",
    ],
    ["no refcount table", () => patched(plain, 56, 4, 0), "image-format-invalid: The image has no refcount table"],
    [
      "a refcount table of 256 TiB",
      () => patched(plain, 56, 4, 0xffffffff),
      "image-format-invalid: The refcount table has 4294967295 clusters",
    ],
    [
      "a refcount block beyond the file",
      () => patched(plain, 0x10000, 8, 1n << 40n),
      "image-format-invalid: The file is truncated or damaged: its refcount block",
    ],
    [
      "a million snapshots",
      () => patched(plain, 60, 4, 1_000_000),
      "image-format-invalid: The image declares 1000000 snapshots",
    ],
    [
      "snapshots over the header",
      () => patched(plain, 60, 4, 1),
      "image-format-invalid: The snapshot table lies over the header",
    ],
    ["refcount_order 7", () => patched(plain, 96, 4, 7), "image-format-invalid: refcount_order is 7"],
    ["header_length 0", () => patched(plain, 100, 4, 0), "image-format-invalid: header_length is 0"],
    ["header_length 105", () => patched(plain, 100, 4, 105), "image-format-invalid: header_length is 105"],
    [
      "header_length 2^32-8",
      () => patched(plain, 100, 4, 0xfffffff8),
      "image-format-invalid: header_length is 4294967288",
    ],
    [
      "an extension of 4 GiB",
      () => patched(plain, 116, 4, 0xffffffff),
      "image-format-invalid: A header extension claims 4294967295 bytes",
    ],
    [
      "an external data file name",
      () => patched(plain, 112, 4, 0x44415441),
      "image-unsafe: The image names an external data file",
    ],
    [
      "a backing format",
      () => patched(plain, 112, 4, 0xe2792aca),
      "image-unsafe: The image names the format of a backing file",
    ],
    [
      "an encryption header",
      () => patched(plain, 112, 4, 0x0537be77),
      "image-unsafe: The image has an encryption header",
    ],
    [
      "an extension behind an old header",
      () => patched(old, 72, 4, 0x44415441),
      "image-unsafe: The image names an external data file",
    ],
    [
      "an L2 table beyond the file",
      () => patched(plain, 0x30000, 8, 1n << 40n),
      "image-format-invalid: The file is truncated or damaged: its L2 table",
    ],
    [
      "an L2 table at an odd place",
      () => patched(plain, 0x30000, 8, 0x10200),
      "image-format-invalid: The file is damaged: a L2 table",
    ],
  ];
  test.each(hostile)("%s", async (_what, file, expected) => {
    expect(await verdict(file())).toStartWith(expected);
  });

  test("extensions without end", async () => {
    const file = new Uint8Array(2 ** 21 * 4);
    file.set((await qcow2File("64M", "cluster_size=2M")).subarray(0, 4096));
    const view = new DataView(file.buffer);
    for (let at = 112; at < headLimit; at += 8) view.setUint32(at, 0x11111111);
    expect(await verdict(file)).toStartWith("image-format-invalid: The qcow2 header extensions take more");
  });

  test("an L1 table that names one L2 table again and again is not walked for ever", async () => {
    const file = (await qcow2File("1T")).slice();
    const view = new DataView(file.buffer);
    for (let at = 0; at < 2048 * 8; at += 8) view.setBigUint64(0x30000 + at, 0x10000n);
    expect(await verdict(file)).toStartWith("image-format-invalid");
  });
});

describe("a truncated file", () => {
  test.each([0, 1, 3, 4, 71, 103, 111, 120, 65_535])("of %d bytes", async (length) => {
    expect(await verdict(plain.subarray(0, length))).toStartWith("image-format-invalid");
  });
  test("lacks data that its tables name", async () => {
    expect(await verdict(full)).toBe("fine");
    for (const part of [0.1, 0.5, 0.9, 0.97])
      expect(await verdict(full.subarray(0, Math.floor(full.length * part)))).toStartWith(
        "image-format-invalid: The file is truncated or damaged",
      );
  });
  test("lacks compressed data", async () => {
    const file = await fullQcow2File(2, "-c");
    expect(await verdict(file)).toBe("fine");
    expect(await verdict(file.subarray(0, Math.floor(file.length / 2)))).toStartWith("image-format-invalid");
  });
});

test("something else", async () => {
  expect(await verdict(new Uint8Array(70_000))).toContain("does not begin with the qcow2 magic");
});

describe("for any input", () => {
  test("a header is judged the same in one piece and byte by byte, and never needs more than 64 KiB", () => {
    for (let length = 0; length < 700; length++) {
      const seen = parseQcow2Header(plain.subarray(0, length), false, limits);
      if (seen !== "more") return expect<unknown>(seen).toEqual(parseQcow2Header(plain, true, limits));
    }
    expect(parseQcow2Header(plain.subarray(0, headLimit), false, limits)).not.toBe("more");
  });

  test("mutations neither crash it nor make it accept a reference to another file", async () => {
    const mutation = fc.record({
      at: fc.oneof(fc.integer({ min: 0, max: 1024 }), fc.integer({ min: 0x10000, max: 0x30010 })),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(mutation, { minLength: 1, maxLength: 6 }), async (isOld, all) => {
        const file = (isOld ? old : plain).slice();
        for (const { at, bytes } of all)
          file.set(bytes.subarray(0, Math.max(0, file.length - at)), Math.min(at, file.length));
        const said = await verdict(file);
        if (said !== "fine") return;
        const view = new DataView(file.buffer);
        expect(view.getBigUint64(8)).toBe(0n);
        expect(view.getUint32(32)).toBe(0);
        if (view.getUint32(4) === 3) {
          expect(view.getUint32(72)).toBe(0);
          expect(view.getUint32(76) & ~0b11001).toBe(0);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test("noise behind the magic does not crash it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 200 }), fc.boolean(), (noise, complete) => {
        const file = new Uint8Array(8 + noise.length);
        file.set([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]);
        file.set(noise, 8);
        try {
          parseQcow2Header(file, complete, limits);
        } catch (error) {
          expect(error).toBeInstanceOf(NanoError);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
