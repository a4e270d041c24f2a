/**
 * Hyper-V's VHDX ([MS-VHDX]). Little-endian.
 *
 *     0        64 KiB     128 KiB    192 KiB        256 KiB        1 MiB
 *     | magic | header 1 | header 2 | region table | its copy | … | log, metadata, block table, blocks, each at a whole
 *     MiB
 *
 * Of the two headers the one with the higher sequence number counts. A log that is not empty must be replayed, which
 * changes the file: refused, as are disks that have a parent, and whatever is marked as required and not known.
 */
import {
  type ByteSource,
  checkVirtualBytes,
  type DiskReader,
  differencing,
  type FormatLimits,
  invalid,
  readAll,
  readOffset,
  unsafe,
  within,
} from "./format.ts";

const KiB = 1024;
const MiB = KiB * KiB;
const magic = "vhdxfile";
const headerBytes = 4 * KiB;
const tableBytes = 64 * KiB;
const maxEntries = 2047;
/** What a disk of 16 TiB needs with the smallest blocks. */
const maxBlockTableBytes = 256 * MiB;
const pieceBytes = MiB;
const state = { present: 6, partlyPresent: 7 } as const;

/** GUIDs as they lie in the file. */
const regions = {
  blocks: "6677c22d23f600429d64115e9bfd4a08",
  metadata: "06a27c8b90479a4bb8fe575f050f886e",
} as const;
const items = {
  parameters: "3767a1ca36fa434db3b633f0aa44e76b",
  virtualBytes: "2442a52f1bcd7648b2115dbed83bf4b8",
  page83: "ab12cabee6b2234593efc309e000c746",
  logicalSector: "1dbf41816fa90947ba47f233a8faab5f",
  physicalSector: "c748a3cd5d4471449cc9e9885251c556",
  parent: "2d5fd3a80bb34d45abf7d3d84834ab0c",
} as const;

const textAt = (view: DataView, at: number, length: number) =>
  String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));
const guidAt = (view: DataView, at: number) => Buffer.from(view.buffer, view.byteOffset + at, 16).toString("hex");

/** CRC-32C (Castagnoli), over the bytes with the checksum's own four taken as zero. */
const checksumFits = (view: DataView): boolean => {
  let crc = 0xffffffff;
  for (let at = 0; at < view.byteLength; at++) {
    crc ^= at >= 4 && at < 8 ? 0 : view.getUint8(at);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0 === view.getUint32(4, true);
};

const checkHeaders = async (file: ByteSource) => {
  const both = [await readAll(file, 64 * KiB, headerBytes), await readAll(file, 128 * KiB, headerBytes)];
  const valid = both.filter(
    (view) => textAt(view, 0, 4) === "head" && view.getUint16(66, true) === 1 && checksumFits(view),
  );
  const sequence = (view: DataView) => view.getBigUint64(8, true);
  const [current] = valid.sort((a, b) => (sequence(a) < sequence(b) ? 1 : -1));
  if (!current) throw invalid("The VHDX has no valid header");
  if (!/^0+$/.test(guidAt(current, 48)))
    throw invalid("The VHDX's log holds changes that were not written to its disk yet", {
      remedy:
        "Shut the machine down that uses it; or have the log written to a copy of it with `qemu-img check -r all`, and upload that.",
    });
};

interface Region {
  readonly offset: number;
  readonly length: number;
}

const readRegions = async (file: ByteSource): Promise<{ blocks: Region; metadata: Region }> => {
  const table = await readAll(file, 192 * KiB, tableBytes);
  if (textAt(table, 0, 4) !== "regi" || !checksumFits(table)) throw invalid("The VHDX's region table is damaged");
  const count = table.getUint32(8, true);
  if (count > maxEntries) throw invalid(`The VHDX's region table has ${count} entries; ${maxEntries} are allowed`);
  const found = new Map<string, Region>();
  for (let at = 16; at < 16 + count * 32; at += 32) {
    const guid = guidAt(table, at);
    const region = { offset: readOffset(table, at + 16, "VHDX region", true), length: table.getUint32(at + 24, true) };
    const known = guid === regions.blocks || guid === regions.metadata;
    if (!known && table.getUint32(at + 28, true) & 1) throw unknown("a region");
    if (found.has(guid)) throw invalid("The VHDX's region table names a region twice");
    if (region.offset < MiB || region.offset % MiB !== 0 || region.length === 0)
      throw invalid(`A VHDX region lies at the odd offset ${region.offset}`);
    within(file, "region", region.offset, region.length);
    found.set(guid, region);
  }
  const [blocks, metadata] = [found.get(regions.blocks), found.get(regions.metadata)];
  if (!blocks || !metadata) throw invalid("The VHDX lacks its block table or its metadata");
  return { blocks, metadata };
};

const unknown = (what: string) =>
  unsafe(`The VHDX needs ${what} that is not known here`, { details: { feature: "unknown-incompatible" } });

interface Disk {
  readonly blockBytes: number;
  readonly sectorBytes: number;
  readonly virtualBytes: number;
}

const readMetadata = async (file: ByteSource, region: Region, limits: FormatLimits): Promise<Disk> => {
  if (region.length < tableBytes) throw invalid("The VHDX's metadata are too short");
  const table = await readAll(file, region.offset, tableBytes);
  if (textAt(table, 0, 8) !== "metadata") throw invalid("The VHDX's metadata are damaged");
  const count = table.getUint16(10, true);
  if (count > maxEntries) throw invalid(`The VHDX's metadata have ${count} entries; ${maxEntries} are allowed`);
  const found = new Map<string, Region>();
  for (let at = 32; at < 32 + count * 32; at += 32) {
    const guid = guidAt(table, at);
    if (guid === items.parent) throw differencing("a differencing VHDX");
    const known = Object.values<string>(items).includes(guid);
    if (!known && table.getUint32(at + 24, true) & 4) throw unknown("an item of metadata");
    if (found.has(guid)) throw invalid("The VHDX's metadata name an item twice");
    found.set(guid, { offset: table.getUint32(at + 16, true), length: table.getUint32(at + 20, true) });
  }
  const item = async (guid: string, length: number): Promise<DataView> => {
    const entry = found.get(guid);
    if (!entry) throw invalid("The VHDX lacks an item of its metadata");
    if (entry.offset < tableBytes || entry.length < length || entry.offset + entry.length > region.length)
      throw invalid("An item of the VHDX's metadata lies outside of them");
    return await readAll(file, region.offset + entry.offset, length);
  };
  const parameters = await item(items.parameters, 8);
  if (parameters.getUint32(4, true) & 2) throw differencing("a differencing VHDX");
  const blockBytes = parameters.getUint32(0, true);
  if (blockBytes < MiB || blockBytes > 256 * MiB || (blockBytes & (blockBytes - 1)) !== 0)
    throw invalid(`The VHDX's blocks have ${blockBytes} bytes; 1 to 256 MiB are allowed`);
  const sectorBytes = (await item(items.logicalSector, 4)).getUint32(0, true);
  if (sectorBytes !== 512 && sectorBytes !== 4096) throw invalid(`The VHDX's sectors have ${sectorBytes} bytes`);
  const virtualBytes = checkVirtualBytes((await item(items.virtualBytes, 8)).getBigUint64(0, true), limits);
  return { blockBytes, sectorBytes, virtualBytes };
};

const checkBlocks = async (file: ByteSource, table: Region, { blockBytes, sectorBytes, virtualBytes }: Disk) => {
  const perChunk = (2 ** 23 * sectorBytes) / blockBytes;
  const blocks = Math.ceil(virtualBytes / blockBytes);
  // Behind each chunk's blocks comes the place of a bitmap, which only differencing disks have.
  const entries = blocks + Math.floor((blocks - 1) / perChunk);
  const length = entries * 8;
  if (length > table.length || length > maxBlockTableBytes)
    throw invalid(`The VHDX's block table has ${table.length} bytes; a disk of ${virtualBytes} bytes needs ${length}`);
  for (let done = 0; done < length; done += pieceBytes) {
    const piece = await readAll(file, table.offset + done, Math.min(pieceBytes, length - done));
    for (let at = 0; at < piece.byteLength; at += 8) {
      const low = piece.getUint32(at, true);
      const isBitmap = ((done + at) / 8) % (perChunk + 1) === perChunk;
      if ((low & 7) === state.partlyPresent || (isBitmap && (low & 7) === state.present))
        throw differencing("a differencing VHDX");
      if ((low & 7) !== state.present) continue;
      // Bits 20 to 63: the place in MiB.
      const place = piece.getUint32(at + 4, true) * 2 ** 12 + (low >>> 20);
      if (place === 0) throw invalid("A block of the VHDX lies over its header");
      within(file, "block", place * MiB, blockBytes);
    }
  }
};

export const vhdx: DiskReader = {
  name: "vhdx",
  headBytes: magic.length,
  checkHead(head, complete) {
    if (head.length < magic.length && !complete) return "more";
    if (!Buffer.from(head.subarray(0, magic.length)).equals(Buffer.from(magic)))
      throw invalid("The file does not have the magic bytes of VHDX");
    return "fine";
  },
  async inspect(file, limits) {
    within(file, "header", 0, MiB);
    vhdx.checkHead(await file.read(0, magic.length), true, limits);
    await checkHeaders(file);
    const { blocks, metadata } = await readRegions(file);
    const disk = await readMetadata(file, metadata, limits);
    await checkBlocks(file, blocks, disk);
    return { format: "vhdx", virtualBytes: disk.virtualBytes };
  },
};
