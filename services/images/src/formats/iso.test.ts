import { describe, expect, test } from "bun:test";
import { NanoError } from "@nano/contract";
import fc from "fast-check";
import { isoFile, make, qcow2File } from "../testing/files.ts";
import { iso } from "./iso.ts";

const limits = { maxVirtualBytes: 2 ** 44 };
const verdict = async (bytes: Uint8Array): Promise<string> => {
  try {
    iso.checkHead(bytes.subarray(0, iso.headBytes), true, limits);
    const facts = await iso.inspect({ length: bytes.length, read: async (at, n) => bytes.slice(at, at + n) }, limits);
    return `fine ${facts.volumeLabel}`;
  } catch (error) {
    if (!(error instanceof NanoError)) throw error;
    return `${error.code}: ${error.message}`;
  }
};
const with_ = (file: Uint8Array, at: number, bytes: Uint8Array | number[]) => {
  const copy = file.slice();
  copy.set(bytes, at);
  return copy;
};

test("what xorriso makes is accepted, with its label", async () => {
  const file = await make(
    "x.iso",
    ["sh", "-c", "mkdir tree && echo hello > tree/a"],
    ["xorriso", "-as", "mkisofs", "-quiet", "-V", "A LABEL", "-J", "-R", "-o", "x.iso", "tree"],
  );
  expect(await verdict(file)).toBe("fine A LABEL");
  expect(await verdict(file.subarray(0, file.length - 200_000))).toContain("truncated");
});

test("boot code in the system area is accepted", async () => {
  expect(await verdict(with_(isoFile(), 0, [0x33, 0xed, 0xfa]))).toBe("fine NANO");
});

test("a label's control characters are not kept", async () => {
  expect(await verdict(with_(isoFile(), 16 * 2048 + 40, [0x41, 0x0a, 0x1b, 0x42, 0xff, 0x43]))).toBe("fine ABC");
});

describe("is refused", () => {
  test.each([
    ["nothing", new Uint8Array(0), "image-format-invalid: The file is empty"],
    ["three bytes", new Uint8Array(3), "image-format-invalid: The file has only 3 bytes"],
    ["zeros", new Uint8Array(70_000), "image-format-invalid: The file has no ISO 9660 volume descriptor"],
    ["a cut descriptor", isoFile().subarray(0, 16 * 2048 + 100), "image-format-invalid: The file has only"],
    ["less than it declares", isoFile({ declaredSectors: 2 ** 21 }), "image-format-invalid: The file is truncated"],
    [
      "two sizes",
      with_(isoFile(), 16 * 2048 + 80, [9]),
      "image-format-invalid: The ISO's volume descriptor contradicts",
    ],
    ["a volume of nothing", isoFile({ declaredSectors: 0 }), "image-format-invalid: The ISO declares a volume of 0"],
    [
      "a boot record first",
      with_(isoFile(), 16 * 2048, [0]),
      "image-format-invalid: The ISO's first volume descriptor",
    ],
    [
      "a qcow2 header before it",
      with_(isoFile(), 0, [0x51, 0x46, 0x49, 0xfb]),
      "image-unsafe: The file is an ISO 9660 image and a qcow2 disk image",
    ],
    [
      "a VMDK descriptor before it",
      with_(isoFile(), 0, new TextEncoder().encode("# Disk DescriptorFile")),
      "image-unsafe",
    ],
    ["a web page before it", with_(isoFile(), 0, new TextEncoder().encode("\n<HTML>")), "image-unsafe"],
  ])("%s", async (_what, file, expected) => {
    expect(await verdict(file)).toStartWith(expected);
  });
  test("a disk image", async () => {
    expect(await verdict(await qcow2File())).toBe(
      "image-format-invalid: The file is a qcow2 disk image, not an ISO 9660 image",
    );
  });
  test("any damage, without a crash", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 200 }),
        fc.uint8Array({ minLength: 1, maxLength: 32 }),
        async (at, bytes) => {
          expect(await verdict(with_(isoFile(), 16 * 2048 + at, bytes))).toMatch(
            /^(fine|image-format-invalid|image-unsafe)/,
          );
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
