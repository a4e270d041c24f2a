/**
 * The qcow2 header, read by ourselves before anything opens the file.
 *
 * Specification: `docs/interop/qcow2.txt` of QEMU. Big-endian throughout. A header names tables by offset and size, and
 * may name other files: a backing file, or an external data file. Both make whoever opens the image read (or write) a
 * path that the sender chose (CVE-2015-5163, CVE-2024-32498), so both are refused wherever they can be said: the two
 * header fields, the incompatible feature bit, the auto-clear bit that only makes sense with it, and the header
 * extensions that carry their names and formats.
 *
 *     0        72 (v2) / header_length (v3)                      1 << cluster_bits
 *     | header | extension | extension | … | end (type 0) | … |
 *
 * What is unknown is refused where the specification demands understanding (incompatible bits) and ignored where it
 * allows ignorance (compatible bits, extensions).
 */
import { checkVirtualBytes, type FormatLimits, invalid, readOffset, unsafe } from "./format.ts";

export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly clusterBytes: number;
  /** Size of the disk, in bytes. */
  readonly virtualBytes: number;
  readonly l1: { readonly offset: number; readonly entries: number };
  readonly refcounts: { readonly offset: number; readonly clusters: number };
  readonly snapshots: { readonly offset: number; readonly count: number };
  /** L2 entries of 16 bytes with a bitmap of sub-clusters, instead of 8. */
  readonly extendedL2: boolean;
}

const magic = 0x514649fb;
const version2Length = 72;
const version3Length = 104;
/** Longer header extension areas than this are refused: QEMU itself writes less than 1 KiB. */
export const headLimit = 64 * 1024;
/** QEMU's own limits: what it would not open is not worth keeping. */
const maxL1Bytes = 32 * 2 ** 20;
const maxRefcountTableBytes = 8 * 2 ** 20;
const maxSnapshots = 1024;
const maxHeaderLength = 1024;

const bit = { dirty: 0x1, corrupt: 0x2, dataFile: 0x4, compressionType: 0x8, extendedL2: 0x10 } as const;
const knownIncompatible = bit.dirty | bit.corrupt | bit.dataFile | bit.compressionType | bit.extendedL2;
/** Auto-clear bits. */
const bitmapsValid = 0x1;
const rawDataFile = 0x2;
const extension = {
  end: 0x00000000,
  backingFormat: 0xe2792aca,
  dataFile: 0x44415441,
  encryption: 0x0537be77,
  bitmaps: 0x23852875,
} as const;
const bitmapsLength = 24;
const maxBitmaps = 65_535;
/** 1 KiB for each. */
const maxBitmapDirectoryBytes = maxBitmaps * 1024;
const compressionTypes: Readonly<Record<number, string>> = { 0: "zlib", 1: "zstd" };

/**
 * @param bytes the file's beginning
 * @param complete there is no more of the file than `bytes`
 * @returns the header, or `"more"` when it takes more bytes than these to judge (never with 64 KiB or more)
 * @throws NanoError `image-format-invalid`, `image-unsafe` or `image-too-large`
 */
export const parseQcow2Header = (bytes: Uint8Array, complete: boolean, limits: FormatLimits): Qcow2Header | "more" => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 0) {
    if (!complete) return "more";
    throw invalid("The file is empty");
  }
  if (bytes.length < 4) {
    if (!complete) return "more";
    throw invalid(`The file has only ${bytes.length} bytes`);
  }
  if (view.getUint32(0) !== magic) throw invalid("The file does not begin with the qcow2 magic bytes");
  if (bytes.length < version2Length) {
    if (!complete) return "more";
    throw invalid(`The file ends within the qcow2 header, after ${bytes.length} bytes`);
  }
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3)
    throw invalid(`qcow2 version ${version} is not known; 2 and 3 are`, {
      remedy: "Convert it with `qemu-img convert -O qcow2` and upload the result.",
    });
  if (bytes.length < version3Length && version === 3) {
    if (!complete) return "more";
    throw invalid(`The file ends within the qcow2 header, after ${bytes.length} bytes`);
  }

  if (view.getBigUint64(8) !== 0n)
    throw unsafe("The image has a backing file: it shows parts of another file, which is not in the upload", {
      details: { feature: "backing-file" },
    });
  const encryption = view.getUint32(32);
  if (encryption !== 0)
    throw unsafe(`The image is encrypted (method ${encryption}); instances could not be started from it`, {
      details: { feature: "encryption" },
    });

  const extendedL2 = version === 3 && checkFeatures(view);
  const clusterBits = view.getUint32(20);
  const smallestClusterBits = extendedL2 ? 14 : 9;
  if (clusterBits < smallestClusterBits || clusterBits > 21)
    throw invalid(`cluster_bits is ${clusterBits}; ${smallestClusterBits} to 21 are allowed`);
  const clusterBytes = 2 ** clusterBits;

  // QEMU sees whole sectors: of a disk that ends within one, that one is not there.
  const virtualBytes = checkVirtualBytes((view.getBigUint64(24) / 512n) * 512n, limits);
  const header: Qcow2Header = {
    version,
    clusterBits,
    clusterBytes,
    virtualBytes,
    l1: { entries: view.getUint32(36), offset: tableOffset(view, 40, "L1 table", clusterBytes) },
    refcounts: {
      offset: tableOffset(view, 48, "refcount table", clusterBytes),
      clusters: view.getUint32(56),
    },
    snapshots: { count: view.getUint32(60), offset: tableOffset(view, 64, "snapshot table", clusterBytes) },
    extendedL2,
  };
  checkSizes(header);

  const headerLength = version === 2 ? version2Length : view.getUint32(100);
  if (version === 3) {
    const refcountOrder = view.getUint32(96);
    if (refcountOrder > 6) throw invalid(`refcount_order is ${refcountOrder}; at most 6 is allowed`);
    if (
      headerLength < version3Length ||
      headerLength % 8 !== 0 ||
      headerLength > Math.min(clusterBytes, maxHeaderLength)
    )
      throw invalid(`header_length is ${headerLength}; a multiple of 8 from ${version3Length} is expected`);
    if (bytes.length < headerLength) {
      if (!complete) return "more";
      throw invalid(`The file ends within the qcow2 header, after ${bytes.length} bytes`);
    }
    checkCompression(view, headerLength);
  }
  return checkExtensions(view, headerLength, clusterBytes, complete) === "more" ? "more" : header;
};

/** @returns whether L2 entries are extended ones. */
const checkFeatures = (view: DataView): boolean => {
  const high = view.getUint32(72);
  const low = view.getUint32(76);
  if (low & bit.dataFile || view.getUint32(92) & rawDataFile)
    throw unsafe("The image keeps its data in an external file, which is not in the upload", {
      details: { feature: "external-data-file" },
    });
  if (high !== 0 || (low & ~knownIncompatible) !== 0) {
    const features = (BigInt(high) << 32n) | BigInt(low);
    const unknown = Array.from({ length: 64 }, (_, index) => index).filter(
      (index) => (features >> BigInt(index)) & 1n && index > 4,
    );
    throw unsafe(`The image needs features that are not known here (incompatible bits ${unknown.join(", ")})`, {
      details: { feature: "unknown-incompatible", bits: unknown },
    });
  }
  if (low & bit.corrupt)
    throw invalid("The image is marked as corrupt", {
      remedy: "Repair it with `qemu-img check -r all` and upload the result.",
    });
  return (low & bit.extendedL2) !== 0;
};

const checkCompression = (view: DataView, headerLength: number) => {
  const declared = (view.getUint32(76) & bit.compressionType) !== 0;
  const type = headerLength > version3Length ? view.getUint8(version3Length) : 0;
  if (compressionTypes[type] === undefined)
    throw unsafe(`The image is compressed in a way that is not known here (type ${type})`, {
      details: { feature: "compression-type", type },
    });
  if (declared !== (type !== 0)) throw invalid("The qcow2 header contradicts itself about the compression type");
};

const tableOffset = (view: DataView, at: number, what: string, clusterBytes: number): number => {
  const offset = readOffset(view, at, what, false);
  if (offset % clusterBytes !== 0)
    throw invalid(`The ${what} lies at offset ${offset}, which is not at the beginning of a cluster`);
  return offset;
};

const checkSizes = ({ l1, refcounts, snapshots, virtualBytes, clusterBytes, extendedL2 }: Qcow2Header) => {
  const perL2Table = (clusterBytes / (extendedL2 ? 16 : 8)) * clusterBytes;
  const needed = Math.ceil(virtualBytes / perL2Table);
  if (l1.entries < needed)
    throw invalid(`The L1 table has ${l1.entries} entries; a disk of ${virtualBytes} bytes needs ${needed}`);
  if (l1.entries * 8 > maxL1Bytes)
    throw invalid(`The L1 table has ${l1.entries} entries; ${maxL1Bytes / 8} are allowed`);
  if (l1.offset === 0) throw invalid("The L1 table lies over the header");
  if (refcounts.clusters === 0 || refcounts.offset === 0) throw invalid("The image has no refcount table");
  if (refcounts.clusters * clusterBytes > maxRefcountTableBytes)
    throw invalid(`The refcount table has ${refcounts.clusters} clusters; ${maxRefcountTableBytes} bytes are allowed`);
  if (snapshots.count > maxSnapshots)
    throw invalid(`The image declares ${snapshots.count} snapshots; ${maxSnapshots} are allowed`);
  if (snapshots.count > 0 && snapshots.offset === 0) throw invalid("The snapshot table lies over the header");
};

const checkExtensions = (view: DataView, from: number, clusterBytes: number, complete: boolean): "more" | "fine" => {
  const end = Math.min(clusterBytes, headLimit);
  let offset = from;
  while (offset + 8 <= end) {
    if (offset + 8 > view.byteLength) {
      if (!complete) return "more";
      throw invalid("The file ends within the qcow2 header extensions");
    }
    const type = view.getUint32(offset);
    const length = view.getUint32(offset + 4);
    if (type === extension.end) return "fine";
    if (type === extension.dataFile)
      throw unsafe("The image names an external data file, which is not in the upload", {
        details: { feature: "external-data-file" },
      });
    if (type === extension.backingFormat)
      throw unsafe("The image names the format of a backing file, which is not in the upload", {
        details: { feature: "backing-file" },
      });
    if (type === extension.encryption)
      throw unsafe("The image has an encryption header; instances could not be started from it", {
        details: { feature: "encryption" },
      });
    if (type === extension.bitmaps) checkBitmaps(view, offset, length, clusterBytes);
    if (length > end - offset - 8)
      throw invalid(`A header extension claims ${length} bytes; ${end - offset - 8} are left for it`);
    offset += 8 + Math.ceil(length / 8) * 8;
  }
  if (end < clusterBytes) throw invalid(`The qcow2 header extensions take more than ${headLimit} bytes`);
  return "fine";
};

/** Dirty bitmaps, as backup programs keep them; QEMU refuses the whole image when what names them is wrong. */
const checkBitmaps = (view: DataView, at: number, length: number, clusterBytes: number) => {
  if (length !== bitmapsLength)
    throw invalid(`The bitmaps extension has ${length} bytes; ${bitmapsLength} are expected`);
  // The file goes on; the part that is here may end within it.
  if (at + 8 + bitmapsLength > view.byteLength) return;
  // Without this bit they are out of date, and QEMU passes over them.
  if (view.getUint32(4) < 3 || !(view.getUint32(92) & bitmapsValid)) return;
  const [count, reserved] = [view.getUint32(at + 8), view.getUint32(at + 12)];
  const bytes = view.getBigUint64(at + 16);
  const offset = view.getBigUint64(at + 24);
  if (
    count === 0 ||
    count > maxBitmaps ||
    reserved !== 0 ||
    bytes === 0n ||
    bytes > BigInt(maxBitmapDirectoryBytes) ||
    offset % BigInt(clusterBytes) !== 0n
  )
    throw invalid(`The bitmaps extension is damaged: ${count} bitmaps in a directory of ${bytes} bytes at ${offset}`, {
      remedy: "Remove its bitmaps with `qemu-img convert -O qcow2`, and upload the result.",
    });
};
