/**
 * Recognizes formats by their first bytes: to know what a file is, to say what a refused one is, and to refuse files
 * that are two things at once. An ISO whose unused first sectors carry a qcow2 header would become a disk with a
 * backing file of the sender's choice in the hands of any program that guesses formats.
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
  /** An archive, which this program unpacks. */
  readonly unpackWith?: string;
  /** What to do with it, where that is something else. */
  readonly remedy?: string;
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
  { name: "an lz4 archive", offset: 0, bytes: text("\x04\x22\x4d\x18"), unpackWith: "unlz4" },
  { name: "an lzip archive", offset: 0, bytes: text("LZIP"), unpackWith: "lzip -d" },
  { name: "a zip archive", offset: 0, bytes: text("PK\x03\x04"), unpackWith: "unzip" },
  { name: "an empty zip archive", offset: 0, bytes: text("PK\x05\x06") },
  { name: "a zip archive in several parts", offset: 0, bytes: text("PK\x07\x08"), unpackWith: "7z x" },
  { name: "a 7z archive", offset: 0, bytes: text("7z\xbc\xaf\x27\x1c"), unpackWith: "7z x" },
  { name: "a RAR archive", offset: 0, bytes: text("Rar!\x1a\x07"), unpackWith: "unrar x" },
  { name: "a cabinet archive", offset: 0, bytes: text("MSCF\0\0\0\0"), unpackWith: "cabextract" },
  {
    name: "a WIM archive of Windows files",
    offset: 0,
    bytes: text("MSWIM\0\0\0"),
    remedy: "It holds files and no disk: install Windows from its ISO image, and make an image of that disk.",
  },
  { name: "a cpio archive", offset: 0, bytes: text("07070"), unpackWith: "cpio -i" },
  { name: "an ar archive or Debian package", offset: 0, bytes: text("!<arch>\n") },
  { name: "an RPM package", offset: 0, bytes: text("\xed\xab\xee\xdb") },
  { name: "a squashfs file system", offset: 0, bytes: text("hsqs"), unpackWith: "unsquashfs" },
  { name: "a Proxmox backup (VMA)", offset: 0, bytes: text("VMA\0"), unpackWith: "vma extract" },
  { name: "a macOS disk image (DMG)", offset: 0, bytes: text("x\x01s\x0dbb\x60"), convertFrom: "dmg" },
  { name: "an encrypted macOS disk image (DMG)", offset: 0, bytes: text("encrcdsa") },
  { name: "a sparse image of Android", offset: 0, bytes: text("\x3a\xff\x26\xed"), unpackWith: "simg2img" },
  { name: "a tar archive", offset: 257, bytes: text("ustar"), unpackWith: "tar -xf" },
  { name: "a PDF document", offset: 0, bytes: text("%PDF-") },
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
  remedy,
}: Pick<Signature, "name" | "format" | "convertFrom" | "unpackWith" | "remedy">) => {
  if (format) return { name, format };
  if (convertFrom)
    return { name, remedy: `Convert it with \`qemu-img convert -f ${convertFrom} -O qcow2\` and upload the result.` };
  if (unpackWith) return { name, remedy: `Unpack it with ${unpackWith} and upload what is inside.` };
  return remedy === undefined ? { name } : { name, remedy };
};

/** An OVA is a tar archive whose first file describes the machine. */
const isAppliance = (head: Uint8Array): boolean =>
  /\.ovf$/i.test(String.fromCharCode(...head.subarray(0, 100)).split("\0", 1)[0] ?? "");

/** What the file's beginning says it is, or undefined. */
export const recognize = (head: Uint8Array): Recognized | undefined => {
  const found = signatures.find(
    ({ offset, bytes }) =>
      head.length >= offset + bytes.length && bytes.every((byte, index) => head[offset + index] === byte),
  );
  if (found?.name === "a tar archive" && isAppliance(head))
    return {
      name: "an OVA appliance",
      remedy: "Unpack it with `tar -xf`, and upload the disk in it (a .vmdk file).",
    };
  if (found) return withRemedy(found);
  const start = String.fromCharCode(...head.subarray(0, signatureBytes));
  // What QEMU takes for a descriptor: comments and blank lines, and then its version.
  if (/^(?:#[^\n]*\n|[ \r\n])*version=[123]\r?\n/.test(start))
    return withRemedy({ name: "a VMDK descriptor", convertFrom: "vmdk" });
  // Markup may have white space before it, and browsers don't care about its case.
  const text = start.slice(0, 64).replace(/^(?:\xef\xbb\xbf)?\s+|^\xef\xbb\xbf/, "");
  return /^<(?:!doctype|html|head|body|script|svg|\?xml|!--)/i.test(text) ? { name: "a web page" } : undefined;
};
