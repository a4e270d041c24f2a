/** What a disk image is taken for, and what is refused in each format. */
import { beforeAll, describe, expect, test } from "bun:test";
import { type DiskFormat, diskFormats, NanoError } from "@nano/contract";
import fc from "fast-check";
import { diskFile, isoFile, make, qcow2File, rawFile, rawOf } from "../testing/files.ts";
import { patched, source, verdictOf } from "../testing/sources.ts";
import { sha256Of } from "../testing/world.ts";
import { diskImage } from "./disk.ts";

const verdict = (bytes: Uint8Array, declared?: DiskFormat) => verdictOf(diskImage(declared), bytes);

let files: Record<"vmdk" | "stream" | "vdi" | "fixedVdi" | "vhdx" | "fixedVhdx" | "vhd" | "fixedVhd", Uint8Array>;
beforeAll(async () => {
  const [vmdk, stream, vdi, fixedVdi, vhdx, fixedVhdx, vhd, fixedVhd] = await Promise.all([
    diskFile("vmdk"),
    diskFile("vmdk", 4, "subformat=streamOptimized"),
    diskFile("vdi"),
    diskFile("vdi", 4, "static=on"),
    diskFile("vhdx"),
    diskFile("vhdx", 4, "subformat=fixed"),
    diskFile("vpc"),
    diskFile("vpc", 4, "subformat=fixed"),
  ]);
  files = { vmdk, stream, vdi, fixedVdi, vhdx, fixedVhdx, vhd, fixedVhd } as typeof files;
});

describe("taken for what it is", () => {
  const kinds: [keyof typeof files, DiskFormat][] = [
    ["vmdk", "vmdk"],
    ["stream", "vmdk"],
    ["vdi", "vdi"],
    ["fixedVdi", "vdi"],
    ["vhdx", "vhdx"],
    ["fixedVhdx", "vhdx"],
    ["vhd", "vhd"],
  ];
  test.each(kinds)("%s", async (file, format) => {
    expect(await verdict(files[file])).toBe(`fine: ${format}`);
    expect(await verdict(files[file], format)).toBe(`fine: ${format}`);
  });
  test("qcow2", async () => expect(await verdict(await qcow2File())).toBe("fine: qcow2"));
  test("a raw disk by its boot sector, or because it is said to be one", async () => {
    expect(await verdict(rawFile())).toBe("fine: raw");
    expect(await verdict(new Uint8Array(4096), "raw")).toBe("fine: raw");
    expect(await verdict(new Uint8Array(4096))).toStartWith("image-format-invalid: The file begins like no disk image");
  });
  test("a VHD of fixed size only when it is said to be one: its beginning is the disk's", async () => {
    const bootable = patched(files.fixedVhd, 510, Uint8Array.of(0x55, 0xaa));
    expect(await verdict(bootable, "vhd")).toBe("fine: vhd");
    expect(await verdict(bootable)).toStartWith("image-format-invalid: The file ends like a VHD");
    expect(await verdict(bootable, "raw")).toStartWith("image-format-invalid: The file ends like a VHD");
    expect(await verdict(rawFile(), "vhd")).toStartWith("image-format-invalid: The file has no VHD footer");
  });
  test("a bootable ISO is a medium, unless it is said to be a disk", async () => {
    const hybrid = patched(isoFile(), 510, Uint8Array.of(0x55, 0xaa));
    expect(await verdict(hybrid)).toStartWith("image-format-invalid: The file is an ISO image");
    expect(await verdict(hybrid, "raw")).toBe("fine: raw");
  });
});

describe("something else", () => {
  test.each(diskFormats.filter((format) => format !== "qcow2"))("a qcow2 said to be %s", async (declared) => {
    const said = await verdict(await qcow2File(), declared);
    expect(said).toBe(`image-format-invalid: The file is a qcow2 disk image, and was said to be ${declared}`);
  });
  test.each(["vmdk", "vdi", "vhdx", "vhd"] as const)("a %s said to be raw", async (format) => {
    expect(await verdict(files[format], "raw")).toMatch(/^image-format-invalid: The file is a \w+ disk image, and was/);
  });
  test.each(["qed", "parallels"])("qemu-img's %s is named, with the command that converts it", async (format) => {
    const file = await make("x", ["qemu-img", "create", "-q", "-f", format, "x", "8M"]);
    for (const declared of [undefined, "raw"] as const) {
      const refused = await diskImage(declared)
        .inspect(source(file), { maxVirtualBytes: 2 ** 44 })
        .catch((error) => error);
      expect(refused).toBeInstanceOf(NanoError);
      expect(refused.code).toBe("image-format-invalid");
      expect(refused.remedy).toContain(`qemu-img convert -f ${format} -O qcow2`);
    }
  });

  const text = (value: string) => new TextEncoder().encode(value.padEnd(1024));
  const luks = Uint8Array.from([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe]);
  const flat = 'version=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 9 FLAT "/etc/passwd" 0\n';
  const others: [string, Uint8Array, string][] = [
    ["a VMDK descriptor of /etc/passwd", text(`# Disk DescriptorFile\n${flat}`), "a VMDK descriptor"],
    ["one without its first line", text(flat), "a VMDK descriptor"],
    ["one behind comments", text(`#\n# x\n \n\n${flat}`), "a VMDK descriptor"],
    ["a web page", text("  <!DOCTYPE html><script>alert(1)</script>"), "a web page"],
    ["a gzip archive", Uint8Array.from([0x1f, 0x8b, 8, 0, ...new Uint8Array(600)]), "a gzip archive"],
    ["a LUKS volume", patched(new Uint8Array(4096), 0, luks), "a LUKS encrypted volume"],
    ["an ESX VMDK", patched(new Uint8Array(4096), 0, "COWD"), "a VMDK disk image of ESX"],
    ["a script", text("#!/bin/sh\n"), "a script"],
    ["7z", patched(new Uint8Array(4096), 0, Uint8Array.of(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c)), "a 7z archive"],
    ["RAR", patched(new Uint8Array(4096), 0, "Rar!\x1a\x07\x01\0"), "a RAR archive"],
    ["WIM", patched(new Uint8Array(4096), 0, "MSWIM\0\0\0"), "a WIM archive of Windows files"],
    ["cab", patched(new Uint8Array(4096), 0, "MSCF\0\0\0\0"), "a cabinet archive"],
    ["tar", patched(new Uint8Array(4096), 257, "ustar"), "a tar archive"],
    ["OVA", patched(patched(new Uint8Array(4096), 257, "ustar"), 0, "vm/appliance.ovf"), "an OVA appliance"],
    ["zip", text("PK\x03\x04"), "a zip archive"],
  ];
  test.each(others)("%s, whatever it is said to be", async (_what, file, expected) => {
    for (const declared of [undefined, ...diskFormats])
      expect(await verdict(patched(file, 510, Uint8Array.of(0x55, 0xaa)), declared)).toStartWith(
        `image-format-invalid: The file is ${expected}`,
      );
  });
  test.each([0, 3, 511])("%d bytes, whatever they are said to be", async (length) => {
    for (const declared of [undefined, ...diskFormats])
      expect(await verdict(new Uint8Array(length), declared)).toStartWith("image-format-invalid: ");
  });
  test("a comment of blanks does not take for ever", async () => {
    expect(await verdict(text(`${" \n".repeat(255)}x`))).toStartWith("image-format-invalid");
  });
});

/** The descriptor of a VMDK by qemu-img, changed; the rest of its room is zeros. */
const described = (change: (text: string) => string): Uint8Array => {
  const room = files.vmdk.subarray(512, 21 * 512);
  const text = new TextDecoder("latin1").decode(room.subarray(0, room.indexOf(0)));
  const changed = new Uint8Array(room.length);
  changed.set(new TextEncoder().encode(change(text)));
  return patched(files.vmdk, 512, changed);
};
const u32 = (value: number, big = false) => ({ size: 4, value, big }) as const;
const u64 = (value: number | bigint, big = false) => ({ size: 8, value, big }) as const;

/** As VMware exports it: the header only says that its directory is told at the end. */
const footed = (stream: Uint8Array, footer = stream.subarray(0, 512)): Uint8Array => {
  const file = new Uint8Array(stream.length + 3 * 512);
  file.set(stream);
  file.set(footer, stream.length + 512);
  const marked = patched(patched(file, stream.length, u64(1)), stream.length + 12, u32(3));
  return patched(marked, 56, u64(2n ** 64n - 1n));
};

describe("VMDK", () => {
  test("with its directory at the end", async () => {
    const file = footed(files.stream);
    expect(await verdict(file)).toBe("fine: vmdk");
    expect(sha256Of(await rawOf("vmdk", file))).toBe(sha256Of(await rawOf("vmdk", files.stream)));
  });
  const extent = (line: string) => described((text) => text.replace(/^RW .*$/m, line));
  test.each([
    "/vmfs/volumes/ds1/vm/vm.vmdk",
    "C:\\VMs\\web server\\disk.vmdk",
    "[datastore1] vm/vm.vmdk",
    "./disk.vmdk",
  ])("whose own extent has the path that it had where it was made: %s", async (path) => {
    const file = extent(`RW 8192 SPARSE "${path}"`);
    expect(await verdict(file)).toBe("fine: vmdk");
    expect(sha256Of(await rawOf("vmdk", file))).toBe(sha256Of(await rawOf("vmdk", files.vmdk)));
  });
  const hostile: [string, () => Uint8Array, string][] = [
    ["a flat extent", () => extent('RW 8192 FLAT "/etc/passwd" 0'), "image-unsafe"],
    ["an extent at a path", () => extent('RW 8192 SPARSE "/etc/passwd"'), "image-unsafe"],
    ["an extent in another directory", () => extent('RW 8192 SPARSE "../x.vmdk"'), "image-unsafe"],
    ["an extent of json:", () => extent('RW 8192 SPARSE "json:{}"'), "image-unsafe"],
    ["an extent over nbd:", () => extent('RW 8192 SPARSE "nbd:127.0.0.1:1"'), "image-unsafe"],
    ["two extents", () => extent('RW 1 SPARSE "a.vmdk"\nRW 1 SPARSE "b.vmdk"'), "image-unsafe"],
    ["an extent of zeros beside it", () => extent('RW 1 SPARSE "a.vmdk"\nRW 1 ZERO'), "image-unsafe"],
    ["an ESX extent", () => extent('RW 8192 VMFS "a.vmdk"'), "image-unsafe"],
    ["no extent", () => extent(""), "image-unsafe"],
    ["another kind", () => described((t) => t.replace("monolithicSparse", "monolithicFlat")), "image-unsafe"],
    ["no kind", () => described((t) => t.replace(/createType.*/, "")), "image-unsafe"],
    ["a parent", () => described((t) => t.replace("parentCID=ffffffff", "parentCID=12345678")), "image-unsafe"],
    ["a parent's name", () => described((t) => `${t}\nparentFileNameHint="/etc/passwd"\n`), "image-unsafe"],
    [
      "a parent's name behind the text's end",
      () => patched(files.vmdk, 512 * 20, "parentFileNameHint"),
      "image-unsafe",
    ],
    ["encryption", () => described((t) => `${t}\nencryption.keySafe = "x"\n`), "image-unsafe"],
    ["a capacity of 0", () => patched(files.vmdk, 12, u64(0)), "image-unsafe"],
    ["a capacity of 1 PiB", () => patched(files.vmdk, 12, u64(2n ** 41n)), "image-too-large"],
    ["a capacity of 2^64-1", () => patched(files.vmdk, 12, u64(2n ** 64n - 1n)), "image-format-invalid"],
    ["a descriptor elsewhere", () => patched(files.vmdk, 28, u64(2)), "image-format-invalid"],
    ["no descriptor", () => patched(files.vmdk, 36, u64(0)), "image-format-invalid"],
    ["a descriptor of 1 GiB", () => patched(files.vmdk, 36, u64(2 ** 21)), "image-format-invalid"],
    ["version 4", () => patched(files.vmdk, 4, u32(4)), "image-format-invalid"],
    ["grains of nothing", () => patched(files.vmdk, 20, u64(0)), "image-format-invalid"],
    ["grains of an odd size", () => patched(files.vmdk, 20, u64(129)), "image-format-invalid"],
    ["tables of 2^31 entries", () => patched(files.vmdk, 44, u32(2 ** 31)), "image-format-invalid"],
    ["unknown compression", () => patched(files.vmdk, 77, { size: 2, value: 7 }), "image-format-invalid"],
    ["a directory beyond the file", () => patched(files.vmdk, 56, u64(2 ** 40)), "image-format-invalid"],
    ["a second directory beyond it", () => patched(files.vmdk, 48, u64(2 ** 40)), "image-format-invalid"],
    ["no directory", () => patched(files.vmdk, 56, u64(0)), "image-format-invalid"],
    ["a footer that is not there", () => patched(files.vmdk, 56, u64(2n ** 64n - 1n)), "image-format-invalid"],
    ["a grain table beyond the file", () => patched(files.vmdk, 0x1a * 512, u32(2 ** 31)), "image-format-invalid"],
    ["its half", () => files.vmdk.subarray(0, files.vmdk.length / 2), "image-format-invalid"],
    [
      "a footer of another disk",
      () => footed(files.stream, patched(files.stream, 12, u64(4096)).subarray(0, 512)),
      "image-format-invalid: The VMDK's footer contradicts",
    ],
    [
      "a footer that refers to another one",
      () => footed(files.stream, footed(files.stream).subarray(0, 512)),
      "image-format-invalid",
    ],
    ["a footer that is no header", () => footed(files.stream, new Uint8Array(512)), "image-format-invalid"],
    ["a footer that is cut off", () => footed(files.stream).subarray(0, -512), "image-format-invalid"],
    ["half of a stream", () => files.stream.subarray(0, 512 * 1000), "image-format-invalid"],
  ];
  test.each(hostile)("%s", async (_what, file, code) => {
    expect(await verdict(file())).toStartWith(code);
  });
  test("a directory that names one table again and again is not walked for ever", async () => {
    const entries = 200_000;
    const place = files.vmdk.length / 512;
    const longer = new Uint8Array(files.vmdk.length + entries * 4);
    longer.set(files.vmdk);
    const view = new DataView(longer.buffer);
    for (let entry = 0; entry < entries; entry++) view.setUint32(files.vmdk.length + entry * 4, place, true);
    const file = patched(patched(longer, 12, u64(entries * 512 * 128)), 56, u64(place));
    expect(await verdict(file)).toBe("image-format-invalid: The VMDK names a grain table more than once");
  });
});

describe("VDI", () => {
  const hostile: [string, () => Uint8Array, string][] = [
    ["a differencing one", () => patched(files.vdi, 0x4c, u32(4)), "image-unsafe"],
    ["an undo one", () => patched(files.vdi, 0x4c, u32(3)), "image-unsafe"],
    ["a parent's UUID", () => patched(files.vdi, 0x1c0, u32(1)), "image-unsafe"],
    ["a link's UUID", () => patched(files.vdi, 0x1a8, u32(1)), "image-unsafe"],
    ["an unknown type", () => patched(files.vdi, 0x4c, u32(9)), "image-format-invalid"],
    ["version 2", () => patched(files.vdi, 0x44, u32(0x20000)), "image-format-invalid"],
    ["sectors of 4 KiB", () => patched(files.vdi, 0x168, u32(4096)), "image-format-invalid"],
    ["a disk of 1 PiB", () => patched(files.vdi, 0x170, u64(2n ** 50n)), "image-too-large"],
    ["a disk of nothing", () => patched(files.vdi, 0x170, u64(0)), "image-format-invalid"],
    ["a disk larger than its map", () => patched(files.vdi, 0x170, u64(2 ** 30)), "image-format-invalid"],
    ["a map of 16 GiB", () => patched(files.vdi, 0x180, u32(2 ** 32 - 1)), "image-format-invalid"],
    ["a map beyond the file", () => patched(files.vdi, 0x154, u32(2 ** 31)), "image-format-invalid"],
    ["a map over the header", () => patched(files.vdi, 0x154, u32(0)), "image-format-invalid"],
    ["data at an odd place", () => patched(files.vdi, 0x158, u32(1000)), "image-format-invalid"],
    ["a block beyond the file", () => patched(files.vdi, 0x200, u32(77)), "image-format-invalid"],
    ["its half", () => files.vdi.subarray(0, files.vdi.length / 2), "image-format-invalid"],
    ["its first 300 bytes", () => files.vdi.subarray(0, 300), "image-format-invalid"],
  ];
  test.each(hostile)("%s", async (_what, file, code) => {
    expect(await verdict(file())).toStartWith(`${code}: `);
  });
});

describe("VHD", () => {
  const [type, header] = [60, 512];
  const hostile: [string, () => Uint8Array, DiskFormat | undefined, string][] = [
    ["a differencing one", () => patched(files.vhd, type, u32(4, true)), undefined, "image-unsafe"],
    ["an unknown type", () => patched(files.vhd, type, u32(7, true)), undefined, "image-format-invalid"],
    [
      "a fixed one with a footer first",
      () => patched(files.vhd, type, u32(2, true)),
      undefined,
      "image-format-invalid",
    ],
    ["a disk of 1 PiB", () => patched(files.vhd, 48, u64(2n ** 50n, true)), undefined, "image-too-large"],
    ["a disk of nothing", () => patched(files.vhd, 48, u64(0, true)), undefined, "image-format-invalid"],
    [
      "a disk larger than its table",
      () => patched(files.vhd, 48, u64(2 ** 30, true)),
      undefined,
      "image-format-invalid",
    ],
    [
      "a geometry larger than the disk",
      () => patched(files.vhd, 58, Uint8Array.of(200)),
      undefined,
      "image-format-invalid",
    ],
    ["a header beyond the file", () => patched(files.vhd, 16, u64(2n ** 52n, true)), undefined, "image-format-invalid"],
    ["no header there", () => patched(files.vhd, header, "x"), undefined, "image-format-invalid"],
    ["blocks of 3 MiB", () => patched(files.vhd, header + 32, u32(3 << 20, true)), undefined, "image-format-invalid"],
    [
      "a table of 16 GiB",
      () => patched(files.vhd, header + 28, u32(2 ** 32 - 1, true)),
      undefined,
      "image-format-invalid",
    ],
    ["a table beyond it", () => patched(files.vhd, header + 16, u64(2 ** 40, true)), undefined, "image-format-invalid"],
    ["a block beyond it", () => patched(files.vhd, 1536, u32(2 ** 31, true)), undefined, "image-format-invalid"],
    ["its half", () => files.vhd.subarray(0, files.vhd.length / 2), undefined, "image-format-invalid"],
    ["fixed, truncated", () => files.fixedVhd.subarray(512), "vhd", "image-format-invalid"],
    ["fixed, differencing", () => patched(files.fixedVhd, -512 + type, u32(4, true)), "vhd", "image-unsafe"],
    ["fixed, dynamic", () => patched(files.fixedVhd, -512 + type, u32(3, true)), "vhd", "image-format-invalid"],
    ["fixed, of 1 PiB", () => patched(files.fixedVhd, -512 + 48, u64(2n ** 50n, true)), "vhd", "image-too-large"],
  ];
  test.each(hostile)("%s", async (_what, file, declared, code) => {
    expect(await verdict(file(), declared)).toStartWith(`${code}: `);
  });
});

const KiB = 1024;
/** Writes the checksum of a VHDX structure anew, so that what was changed in it is believed. */
const summed = (file: Uint8Array, at: number, length: number): Uint8Array => {
  const copy = patched(file, at + 4, u32(0));
  let crc = 0xffffffff;
  for (const byte of copy.subarray(at, at + length)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return patched(copy, at + 4, u32(~crc >>> 0));
};

describe("VHDX", () => {
  const regionTable = 192 * KiB;
  const [blocks, metadata] = [2 * 2 ** 20, 3 * 2 ** 20];
  const parameters = metadata + 64 * KiB;
  const inHeaders = (at: number, value: Parameters<typeof patched>[2]) =>
    [64 * KiB, 128 * KiB].reduce(
      (file, header) => summed(patched(file, header + at, value), header, 4 * KiB),
      files.vhdx as Uint8Array,
    );
  const inRegions = (at: number, value: Parameters<typeof patched>[2]) =>
    summed(patched(files.vhdx, regionTable + at, value), regionTable, 64 * KiB);
  const hostile: [string, () => Uint8Array, string][] = [
    ["a parent", () => patched(files.vhdx, parameters + 4, u32(2)), "image-unsafe"],
    [
      "a parent's locator",
      () => patched(files.vhdx, metadata + 64 + 32, Buffer.from("2d5fd3a80bb34d45abf7d3d84834ab0c", "hex")),
      "image-unsafe",
    ],
    ["a block that is partly its parent's", () => patched(files.vhdx, blocks, u32(0x0080_0007)), "image-unsafe"],
    ["an unknown item that is required", () => patched(files.vhdx, metadata + 64 + 32, u32(0x77)), "image-unsafe"],
    [
      "an unknown region that is required",
      () =>
        summed(
          patched(patched(files.vhdx, regionTable + 16, u32(0x77)), regionTable + 16 + 28, u32(1)),
          regionTable,
          64 * KiB,
        ),
      "image-unsafe",
    ],
    ["a log that is not empty", () => inHeaders(48, u32(1)), "image-format-invalid: The VHDX's log"],
    ["headers that are damaged", () => patched(patched(files.vhdx, 65_600, "x"), 131_136, "x"), "image-format-invalid"],
    ["version 2", () => inHeaders(66, { size: 2, value: 2 }), "image-format-invalid"],
    ["a region table that is damaged", () => patched(files.vhdx, regionTable + 40, "x"), "image-format-invalid"],
    ["2^32-1 regions", () => inRegions(8, u32(2 ** 32 - 1)), "image-format-invalid: The VHDX's region table has"],
    ["a region beyond the file", () => inRegions(32, u64(2 ** 40)), "image-format-invalid"],
    ["a region at an odd place", () => inRegions(32, u64(2 ** 20 + 512)), "image-format-invalid"],
    ["a region over the headers", () => inRegions(32, u64(0)), "image-format-invalid"],
    ["no block table", () => inRegions(16, u32(0x77)), "image-format-invalid"],
    [
      "one region twice",
      () => inRegions(48, files.vhdx.slice(regionTable + 16, regionTable + 32)),
      "image-format-invalid",
    ],
    ["no metadata", () => patched(files.vhdx, metadata, "x"), "image-format-invalid"],
    ["65,535 items", () => patched(files.vhdx, metadata + 10, { size: 2, value: 65_535 }), "image-format-invalid"],
    ["an item beyond its region", () => patched(files.vhdx, metadata + 32 + 16, u32(2 ** 31)), "image-format-invalid"],
    ["an item that is missing", () => patched(files.vhdx, metadata + 32, u32(0x77)), "image-unsafe"],
    ["blocks of 3 MiB", () => patched(files.vhdx, parameters, u32(3 << 20)), "image-format-invalid"],
    ["blocks of 512 MiB", () => patched(files.vhdx, parameters, u32(512 << 20)), "image-format-invalid"],
    ["sectors of 520 bytes", () => patched(files.vhdx, parameters + 32, u32(520)), "image-format-invalid"],
    ["a disk of 1 PiB", () => patched(files.vhdx, parameters + 8, u64(2n ** 50n)), "image-too-large"],
    ["a disk of nothing", () => patched(files.vhdx, parameters + 8, u64(0)), "image-format-invalid"],
    ["a disk larger than its table", () => patched(files.vhdx, parameters + 8, u64(2n ** 44n)), "image-format-invalid"],
    ["a block beyond the file", () => patched(files.vhdx, blocks, u32(0xfff0_0006)), "image-format-invalid"],
    ["a block over the headers", () => patched(files.vhdx, blocks, u32(0x0000_0006)), "image-format-invalid"],
    ["its half", () => files.vhdx.subarray(0, files.vhdx.length / 2), "image-format-invalid"],
    ["its first 100 KiB", () => files.vhdx.subarray(0, 100 * KiB), "image-format-invalid"],
  ];
  test.each(hostile)("%s", async (_what, file, expected) => {
    expect(await verdict(file())).toStartWith(expected);
  });
  test("the older header does not count, nor does its log", async () => {
    const older = summed(patched(files.vhdx, 64 * KiB + 48, u32(1)), 64 * KiB, 4 * KiB);
    expect(await verdict(older)).toBe("fine: vhdx");
    const newer = summed(patched(files.vhdx, 128 * KiB + 48, u32(1)), 128 * KiB, 4 * KiB);
    expect(await verdict(newer)).toStartWith("image-format-invalid: The VHDX's log");
  });
});

describe("for any input", () => {
  /** Where each format keeps what it says about itself. */
  const places: Record<"vmdk" | "stream" | "vdi" | "vhd" | "vhdx", readonly [number, number][]> = {
    vmdk: [
      [0, 80],
      [512, 1024],
      [0x1a * 512, 16],
      [0x1b * 512, 64],
    ],
    stream: [
      [0, 80],
      [512, 1024],
      [-1536, 1536],
    ],
    vdi: [
      [0x40, 0x1c0],
      [0x200, 16],
    ],
    vhd: [
      [0, 84],
      [512, 64],
      [1536, 16],
      [-512, 84],
    ],
    vhdx: [
      [64 * 1024, 80],
      [192 * 1024, 80],
      [2 * 2 ** 20, 32],
      [3 * 2 ** 20, 192],
      [3 * 2 ** 20 + 65_536, 48],
    ],
  };
  test.each(Object.keys(places) as (keyof typeof places)[])(
    "mutations of a %s neither crash its reader nor make it read outside of the file",
    async (kind) => {
      const file = files[kind];
      const mutation = fc.record({
        place: fc.constantFrom(...places[kind]).chain(([at, length]) => fc.nat(length - 1).map((by) => at + by)),
        bytes: fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 8 }),
          fc
            .constantFrom(0, 1, 0x7f, 0xff)
            .chain((byte) => fc.constantFrom(1, 4, 8).map((n) => new Uint8Array(n).fill(byte))),
        ),
      });
      let reads = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (all) => {
          let mutated = file;
          for (const { place, bytes } of all) {
            const at = place < 0 ? file.length + place : place;
            mutated = patched(mutated, at, bytes.subarray(0, file.length - at));
          }
          if (kind === "vhdx") mutated = summed(summed(mutated, 64 * KiB, 4 * KiB), 192 * KiB, 64 * KiB);
          const limits = { maxVirtualBytes: 2 ** 44 };
          const watched = source(mutated);
          reads = 0;
          try {
            await diskImage().inspect(
              {
                length: watched.length,
                read(offset, length) {
                  // A table in the file, in pieces of bounded size, and never more of them than there can be.
                  expect(Number.isSafeInteger(offset) && offset >= 0 && offset <= file.length).toBe(true);
                  expect(length).toBeLessThanOrEqual(2 ** 20);
                  expect(++reads).toBeLessThan(10_000);
                  return watched.read(offset, length);
                },
              },
              limits,
            );
          } catch (error) {
            expect(error).toBeInstanceOf(NanoError);
          }
        }),
        { numRuns: kind === "vhdx" ? 40 : 400, seed: 4 },
      );
    },
    60_000,
  );

  test("noise behind any magic does not crash a reader", async () => {
    const magics = ["QFI\xfb", "KDMV", "vhdxfile", "conectix", `${"\0".repeat(64)}\x7f\x10\xda\xbe`];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...magics),
        fc.uint8Array({ minLength: 512, maxLength: 2048 }),
        async (magic, noise) => {
          const file = patched(
            noise,
            0,
            Uint8Array.from(magic, (c) => c.charCodeAt(0)),
          );
          expect(await verdict(file)).toMatch(/^image-(format-invalid|unsafe|too-large): /);
        },
      ),
      { numRuns: 2_000, seed: 4 },
    );
  });
});
