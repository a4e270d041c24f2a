/**
 * VirtualBox's VDI, version 1.1. Little-endian; a header of 512 bytes, a map with four bytes for each mebibyte of the
 * disk, and the blocks:
 *
 *     | header | … | block map (offset_bmap) | … | block 0 | block 1 | … (offset_data)
 *
 * Its snapshots are files that refer to their parents by UUID: those that do are refused.
 */
import { checkVirtualBytes, type DiskReader, differencing, invalid, readAll, within } from "./format.ts";

const headerBytes = 512;
const blockBytes = 2 ** 20;
const pieceBytes = 1024 * 1024;
const signature = 0xbeda107f;
const version = 0x00010001;
const types = { dynamic: 1, fixed: 2, undo: 3, differencing: 4 } as const;
/** Entries from here on say that there is no block. */
const noBlock = 0xfffffffe;

const at = {
  signature: 0x40,
  version: 0x44,
  type: 0x4c,
  mapOffset: 0x154,
  dataOffset: 0x158,
  sectorBytes: 0x168,
  diskBytes: 0x170,
  blockBytes: 0x178,
  blockExtra: 0x17c,
  blocks: 0x180,
  linkUuid: 0x1a8,
  parentUuid: 0x1b8,
} as const;

const parse = (view: DataView, limits: Parameters<DiskReader["inspect"]>[1]) => {
  const field = (offset: number) => view.getUint32(offset, true);
  if (field(at.signature) !== signature) throw invalid("The file does not have the VDI signature");
  if (field(at.version) !== version)
    throw invalid(`VDI version ${field(at.version) >>> 16}.${field(at.version) & 0xffff} is not known; 1.1 is`);
  const type = field(at.type);
  const hasUuid = (offset: number) => [0, 4, 8, 12].some((part) => field(offset + part) !== 0);
  if (type === types.undo || type === types.differencing || hasUuid(at.linkUuid) || hasUuid(at.parentUuid))
    throw differencing("a VDI snapshot");
  if (type !== types.dynamic && type !== types.fixed) throw invalid(`The VDI type ${type} is not known`);
  if (field(at.sectorBytes) !== 512 || field(at.blockBytes) !== blockBytes || field(at.blockExtra) !== 0)
    throw invalid("The VDI has sectors or blocks of an unusual size");
  const [mapOffset, dataOffset, blocks] = [field(at.mapOffset), field(at.dataOffset), field(at.blocks)];
  for (const offset of [mapOffset, dataOffset])
    if (offset < headerBytes || offset % 512 !== 0) throw invalid(`A part of the VDI lies at the odd offset ${offset}`);
  const virtualBytes = checkVirtualBytes(view.getBigUint64(at.diskBytes, true), limits);
  if (virtualBytes > blocks * blockBytes)
    throw invalid(`The VDI's map has ${blocks} blocks; a disk of ${virtualBytes} bytes needs more`);
  return { mapOffset, dataOffset, blocks, virtualBytes };
};

export const vdi: DiskReader = {
  name: "vdi",
  headBytes: headerBytes,
  checkHead(head, complete, limits) {
    if (head.length < headerBytes) {
      if (complete) throw invalid(`The file ends within the VDI header, after ${head.length} bytes`);
      return "more";
    }
    parse(new DataView(head.buffer, head.byteOffset, headerBytes), limits);
    return "fine";
  },
  async inspect(file, limits) {
    const { mapOffset, dataOffset, blocks, virtualBytes } = parse(await readAll(file, 0, headerBytes), limits);
    within(file, "block map", mapOffset, blocks * 4);
    for (let done = 0; done < blocks * 4; done += pieceBytes) {
      const piece = await readAll(file, mapOffset + done, Math.min(pieceBytes, blocks * 4 - done));
      for (let entry = 0; entry < piece.byteLength; entry += 4) {
        const block = piece.getUint32(entry, true);
        if (block < noBlock) within(file, "block", dataOffset + block * blockBytes, blockBytes);
      }
    }
    return { format: "vdi", virtualBytes };
  },
};
