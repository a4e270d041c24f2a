/**
 * Walks the tables of a finished qcow2 file: everything they name must lie in the file. That refuses a truncated file
 * (the end of a broken download) today instead of when a guest reads the missing part, and a hostile one before QEMU
 * sees it.
 *
 *     header ──► L1 table ──► L2 tables ──► data clusters, plain or compressed
 *
 * Work is bounded by the file's own length: each L2 table takes one cluster of it, so a file cannot name more L2 tables
 * than it has clusters unless it names one twice, which no writer does.
 */
import { type ByteSource, type DiskReader, type FormatLimits, invalid, readAll, within } from "./format.ts";
import { headLimit, parseQcow2Header, type Qcow2Header } from "./qcow2.ts";

/** How much of a table is in memory at once. */
const pieceBytes = 1024 * 1024;

const offsetMaskHigh = 0x00ffffff;
const offsetMaskLow = 0xfffffe00;
const compressedFlagHigh = 0x40000000;

/** Bits 9 to 55: the offset in an L1 entry or a plain L2 entry. */
const offsetOf = (view: DataView, at: number): number =>
  (view.getUint32(at) & offsetMaskHigh) * 2 ** 32 + ((view.getUint32(at + 4) & offsetMaskLow) >>> 0);

/**
 * @returns how many clusters of the disk have data of their own
 * @throws NanoError `image-format-invalid` when a table or a cluster lies outside the file
 */
export const checkQcow2Tables = async (header: Qcow2Header, file: ByteSource): Promise<number> => {
  const { l1, refcounts, snapshots, clusterBytes } = header;
  within(file, "L1 table", l1.offset, l1.entries * 8);
  within(file, "refcount table", refcounts.offset, refcounts.clusters * clusterBytes);
  // Each snapshot's entry has at least 40 bytes.
  if (snapshots.count > 0) within(file, "snapshot table", snapshots.offset, snapshots.count * 40);
  await checkRefcountTable(header, file);

  let l2Tables = 0;
  let dataClusters = 0;
  for (let done = 0; done < l1.entries * 8; done += pieceBytes) {
    const piece = await readAll(file, l1.offset + done, Math.min(pieceBytes, l1.entries * 8 - done));
    for (let at = 0; at < piece.byteLength; at += 8) {
      const offset = offsetOf(piece, at);
      if (offset === 0) continue;
      checkOffset(header, "L2 table", offset);
      within(file, "L2 table", offset, clusterBytes);
      if (++l2Tables * clusterBytes > file.length) throw invalid("The L1 table names an L2 table more than once");
      dataClusters += await checkL2Table(header, file, offset);
    }
  }
  return dataClusters;
};

const checkOffset = ({ clusterBytes }: Qcow2Header, what: string, offset: number) => {
  if (offset % clusterBytes !== 0) throw invalid(`The file is damaged: a ${what} lies at the odd offset ${offset}`);
};

const checkRefcountTable = async (header: Qcow2Header, file: ByteSource) => {
  const length = header.refcounts.clusters * header.clusterBytes;
  for (let done = 0; done < length; done += pieceBytes) {
    const piece = await readAll(file, header.refcounts.offset + done, Math.min(pieceBytes, length - done));
    for (let at = 0; at < piece.byteLength; at += 8) {
      const offset = offsetOf(piece, at);
      if (offset === 0) continue;
      checkOffset(header, "refcount block", offset);
      within(file, "refcount block", offset, 1);
    }
  }
};

const checkL2Table = async (header: Qcow2Header, file: ByteSource, from: number): Promise<number> => {
  const { version, clusterBytes, clusterBits, extendedL2 } = header;
  // Bit 0 of a plain entry: it reads as zeros, wherever it lies. Extended entries have a bitmap for that, which is not
  // looked at.
  const zeroed = version === 3 && !extendedL2 ? 1 : 0;
  let dataClusters = 0;
  const step = extendedL2 ? 16 : 8;
  // "Compressed Clusters Descriptor": the offset has 62 - (cluster_bits - 8) bits.
  const compressedOffsetHigh = 2 ** (70 - clusterBits - 32) - 1;
  for (let done = 0; done < clusterBytes; done += pieceBytes) {
    const piece = await readAll(file, from + done, Math.min(pieceBytes, clusterBytes - done));
    for (let at = 0; at < piece.byteLength; at += step) {
      const high = piece.getUint32(at);
      if (high & compressedFlagHigh) {
        within(file, "compressed cluster", (high & compressedOffsetHigh) * 2 ** 32 + piece.getUint32(at + 4), 1);
        dataClusters++;
      } else {
        const offset = offsetOf(piece, at);
        if (offset === 0) continue;
        checkOffset(header, "data cluster", offset);
        // The last cluster of a file may be written only in part.
        within(file, "data cluster", offset, 1);
        if ((piece.getUint32(at + 4) & zeroed) === 0) dataClusters++;
      }
    }
  }
  return dataClusters;
};

const readHeader = async (file: ByteSource, limits: FormatLimits): Promise<Qcow2Header> => {
  const head = await file.read(0, Math.min(headLimit, file.length));
  const header = parseQcow2Header(head, true, limits);
  if (header === "more") throw invalid("The qcow2 header is incomplete");
  return header;
};

/** How many bytes of the disk have data of their own, if not to the cluster. @throws NanoError as `inspect` does */
export const dataBytesOf = async (file: ByteSource, limits: FormatLimits): Promise<number> => {
  const header = await readHeader(file, limits);
  return Math.min(header.virtualBytes, (await checkQcow2Tables(header, file)) * header.clusterBytes);
};

export const qcow2: DiskReader = {
  name: "qcow2",
  headBytes: headLimit,
  checkHead: (head, complete, limits) => (parseQcow2Header(head, complete, limits) === "more" ? "more" : "fine"),
  async inspect(file, limits) {
    const header = await readHeader(file, limits);
    await checkQcow2Tables(header, file);
    return { format: "qcow2", virtualBytes: header.virtualBytes };
  },
};
