/**
 * A disk image in any format that is taken. What a file is, its first bytes say; what the client said it is must be the
 * same. Only a raw disk has no bytes of its own: it is taken for one when it begins with a boot sector, or when the
 * client says so, and never when it begins like something else: whoever guesses its format later would be led astray.
 */
import type { DiskFormat } from "@nano/contract";
import { recognize, signatureBytes } from "./foreign.ts";
import { type DiskReader, type Format, invalid } from "./format.ts";
import { qcow2 } from "./qcow2-tables.ts";
import { raw } from "./raw.ts";
import { vdi } from "./vdi.ts";
import { vhd } from "./vhd.ts";
import { vhdx } from "./vhdx.ts";
import { vmdk } from "./vmdk.ts";

export const readers: Readonly<Record<DiskFormat, DiskReader>> = { qcow2, raw, vmdk, vdi, vhdx, vhd };
const isoIdentifier = { offset: 16 * 2048 + 1, text: "CD001" } as const;
const headBytes = Math.max(...Object.values(readers).map((reader) => reader.headBytes));

const hasBootSector = (head: Uint8Array) => head[510] === 0x55 && head[511] === 0xaa;
const isIso = (head: Uint8Array) =>
  String.fromCharCode(...head.subarray(isoIdentifier.offset, isoIdentifier.offset + 5)) === isoIdentifier.text;

/** @returns how to read it, or `"more"` when it takes more bytes to know. @throws NanoError `image-format-invalid` */
export const detect = (head: Uint8Array, complete: boolean, declared: DiskFormat | undefined): DiskReader | "more" => {
  if (head.length === 0 && complete) throw invalid("The file is empty");
  if (head.length < signatureBytes && !complete) return "more";
  const found = recognize(head);
  if (found?.format !== undefined) {
    if (declared !== undefined && declared !== found.format)
      throw invalid(`The file is ${found.name}, and was said to be ${declared}`, {
        remedy: `Begin the image with the format ${found.format}, or without one.`,
        details: { format: found.format, declared },
      });
    return readers[found.format];
  }
  if (found)
    throw invalid(
      `The file is ${found.name}, which is not taken as a disk image`,
      found.remedy === undefined ? {} : { remedy: found.remedy },
    );
  // A fixed VHD is a raw disk with a footer.
  if (declared === "raw" || declared === "vhd") return readers[declared];
  if (declared !== undefined)
    throw invalid(`The file does not begin as a ${declared} disk image does`, { details: { declared } });
  if (!hasBootSector(head))
    throw invalid("The file begins like no disk image that is known here", {
      remedy: "If it is a raw disk without a boot sector, create the image with the format raw.",
    });
  if (head.length < isoIdentifier.offset + 5 && !complete) return "more";
  if (isIso(head))
    throw invalid("The file is an ISO image", {
      remedy: "Upload it as a medium; if it should be a disk, create the image with the format raw.",
    });
  return raw;
};

/**
 * @param declared what the client says it is
 * @param allow called with what it is when the file's beginning is judged; it throws when that cannot be taken now
 */
export const diskImage = (declared?: DiskFormat, allow?: (format: DiskFormat) => void): Format => ({
  headBytes,
  checkHead(head, complete, limits) {
    const reader = detect(head, complete, declared);
    if (reader === "more") return "more";
    allow?.(reader.name);
    return reader.checkHead(head, complete, limits);
  },
  async inspect(file, limits) {
    const reader = detect(await file.read(0, Math.min(headBytes, file.length)), true, declared);
    if (reader === "more") throw invalid("The file ends too early to know what it is");
    return await reader.inspect(file, limits);
  },
});
