/**
 * Recognizes formats by their first bytes: to know what a file is, to say what a refused one is, and to refuse files that are two things at
 * once. An ISO whose unused first sectors carry a qcow2 header would become a disk with a backing file of the sender's choice in the hands of
 * any program that guesses formats.
 */
import type { DiskFormat } from "@nano/contract";

interface Signature {
  readonly name: string;
  /** One that is taken. */
  readonly format?: DiskFormat;
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** What `qemu-img convert -f` calls it. */
  readonly convertFrom?: string;
  /** Compressed with this program. */
  readonly unpackWith?: string;
}

const text = (value: string) => Uint8Array.from(value, (c) => c.charCodeAt(0));
const signatures: readonly Signature[] = [
  { name: "a qcow2 disk image", offset: 0, bytes: text("QFI\xfb"), format: "qcow2" },
  { name: "a VMDK disk image", offset: 0, bytes: text("KDMV"), format: "vmdk" },
  { name: "a VMDK disk image of ESX", offset: 0, bytes: text("COWD"), convertFrom: "vmdk" },
  { name: "a VMDK descriptor", offset: 0, bytes: text("# Disk Descriptor"), convertFrom: "vmdk" },
  { name: "a VHDX disk image", offset: 0, bytes: text("vhdxfile"), format: "vhdx" },
  { name: "a VHD disk image", offset: 0, bytes: text("conectix"), format: "vhd" },
  { name: "a VDI disk image", offset: 0x40, bytes: text("\x7f\x10\xda\xbe"), format: "vdi" },
  { name: "a QED disk image", offset: 0, bytes: text("QED\0"), convertFrom: "qed" },
  { name: "a Parallels disk image", offset: 0, bytes: text("WithoutFreeSpace"), convertFrom: "parallels" },
  { name: "a Parallels disk image", offset: 0, bytes: text("WithouFreSpacExt"), convertFrom: "parallels" },
  { name: "a LUKS encrypted volume", offset: 0, bytes: text("LUKS\xba\xbe") },
  { name: "a gzip archive", offset: 0, bytes: text("\x1f\x8b"), unpackWith: "gunzip" },
  { name: "an xz archive", offset: 0, bytes: text("\xfd7zXZ\0"), unpackWith: "unxz" },
  { name: "a zstd archive", offset: 0, bytes: text("\x28\xb5\x2f\xfd"), unpackWith: "unzstd" },
  { name: "a bzip2 archive", offset: 0, bytes: text("BZh"), unpackWith: "bunzip2" },
  { name: "a zip archive", offset: 0, bytes: text("PK\x03\x04"), unpackWith: "unzip" },
  { name: "a program", offset: 0, bytes: text("\x7fELF") },
  { name: "a script", offset: 0, bytes: text("#!") },
];
/** Enough of a file to recognize any of them. */
export const signatureBytes = 512;

export interface Recognized {
  readonly name: string;
  /** When it is one that is taken. */
  readonly format?: DiskFormat;
  /** How to make it what it should be, if there is a way. */
  readonly remedy?: string;
}

const withRemedy = ({
  name,
  format,
  convertFrom,
  unpackWith,
}: Pick<Signature, "name" | "format" | "convertFrom" | "unpackWith">) => {
  if (format) return { name, format };
  if (convertFrom)
    return { name, remedy: `Convert it with \`qemu-img convert -f ${convertFrom} -O qcow2\` and upload the result.` };
  if (unpackWith) return { name, remedy: `Unpack it with ${unpackWith} and upload what is inside.` };
  return { name };
};

/** What the file's beginning says it is, or undefined. */
export const recognize = (head: Uint8Array): Recognized | undefined => {
  const found = signatures.find(
    ({ offset, bytes }) =>
      head.length >= offset + bytes.length && bytes.every((byte, index) => head[offset + index] === byte),
  );
  if (found) return withRemedy(found);
  const start = String.fromCharCode(...head.subarray(0, signatureBytes));
  // What QEMU takes for a descriptor: comments and blank lines, and then its version.
  if (/^(?:#[^\n]*\n|[ \r\n])*version=[123]\r?\n/.test(start))
    return withRemedy({ name: "a VMDK descriptor", convertFrom: "vmdk" });
  // Markup may have white space before it, and browsers don't care about its case.
  const text = start.slice(0, 64).replace(/^(?:\xef\xbb\xbf)?\s+|^\xef\xbb\xbf/, "");
  return /^<(?:!doctype|html|head|body|script|svg|\?xml|!--)/i.test(text) ? { name: "a web page" } : undefined;
};
