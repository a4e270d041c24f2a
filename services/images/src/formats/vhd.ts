/**
 * VHD, as Virtual PC and the older Hyper-V write it ("Virtual Hard Disk Image Format Specification"). Big-endian.
 *
 *     fixed      | the disk's bytes | footer |
 *     dynamic    | footer (copy) | header "cxsparse" | block table | bitmap, block | bitmap, block | … | footer |
 *
 * A third kind, differencing, shows a parent file: refused.
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
  within,
} from "./format.ts";

const footerBytes = 512;
const headerBytes = 1024;
const pieceBytes = 1024 * 1024;
const types = { fixed: 2, dynamic: 3, differencing: 4 } as const;
const largestGeometry = 65_535 * 16 * 255;
const noBlock = 0xffffffff;

const textAt = (view: DataView, at: number, length: number) =>
  String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));

interface Footer {
  readonly type: number;
  readonly headerOffset: number;
  readonly virtualBytes: number;
}

const parseFooter = (view: DataView, limits: FormatLimits): Footer => {
  if (textAt(view, 0, 8) !== "conectix") throw invalid("The file has no VHD footer");
  const type = view.getUint32(60);
  if (type === types.differencing) throw differencing("a differencing VHD");
  if (type !== types.fixed && type !== types.dynamic) throw invalid(`The VHD type ${type} is not known`);
  const virtualBytes = checkVirtualBytes(view.getBigUint64(48), limits);
  // Some programs go by the geometry, which is no more than the size, unless it is the largest there is: then it says
  // nothing.
  const geometry = view.getUint16(56) * view.getUint8(58) * view.getUint8(59);
  if (geometry * 512 > virtualBytes && geometry !== largestGeometry)
    throw invalid("The VHD's footer contradicts itself about the disk's size");
  const headerOffset = type === types.dynamic ? readOffset(view, 16, "VHD header", false) : 0;
  return { type, headerOffset, virtualBytes };
};

const inspectDynamic = async (file: ByteSource, { headerOffset, virtualBytes }: Footer) => {
  within(file, "VHD header", headerOffset, headerBytes);
  const header = await readAll(file, headerOffset, headerBytes);
  if (textAt(header, 0, 8) !== "cxsparse") throw invalid("The VHD has no header where its footer says");
  const tableOffset = readOffset(header, 16, "block table", false);
  const entries = header.getUint32(28);
  const blockBytes = header.getUint32(32);
  if (blockBytes < 512 * 8 || blockBytes > 256 * 2 ** 20 || (blockBytes & (blockBytes - 1)) !== 0)
    throw invalid(`The VHD's blocks have ${blockBytes} bytes; 2 MiB are usual`);
  if (entries * blockBytes < virtualBytes)
    throw invalid(`The VHD's table has ${entries} blocks; a disk of ${virtualBytes} bytes needs more`);
  within(file, "block table", tableOffset, entries * 4);
  const bitmapBytes = Math.ceil(blockBytes / 512 / 8 / 512) * 512;
  for (let done = 0; done < entries * 4; done += pieceBytes) {
    const piece = await readAll(file, tableOffset + done, Math.min(pieceBytes, entries * 4 - done));
    for (let at = 0; at < piece.byteLength; at += 4) {
      const sector = piece.getUint32(at);
      if (sector !== noBlock) within(file, "block", sector * 512, bitmapBytes + blockBytes);
    }
  }
};

/** Whether the file ends as a VHD does. */
export const hasVhdFooter = async (file: ByteSource): Promise<boolean> =>
  file.length >= footerBytes && textAt(await readAll(file, file.length - footerBytes, 8), 0, 8) === "conectix";

export const vhd: DiskReader = {
  name: "vhd",
  headBytes: footerBytes,
  checkHead(head, complete, limits) {
    if (head.length < footerBytes) {
      if (complete) throw invalid(`The file has only ${head.length} bytes, less than a VHD's footer`);
      return "more";
    }
    const view = new DataView(head.buffer, head.byteOffset, footerBytes);
    if (textAt(view, 0, 8) === "conectix" && parseFooter(view, limits).type !== types.dynamic)
      throw invalid("The VHD of fixed size begins with a footer, which only one of dynamic size does");
    return "fine";
  },
  async inspect(file, limits) {
    if (file.length < footerBytes) throw invalid(`The file has only ${file.length} bytes, less than a VHD's footer`);
    const start = await readAll(file, 0, footerBytes);
    const dynamic = textAt(start, 0, 8) === "conectix";
    const footer = parseFooter(dynamic ? start : await readAll(file, file.length - footerBytes, footerBytes), limits);
    if (dynamic !== (footer.type === types.dynamic)) throw invalid("The VHD's footer contradicts its beginning");
    if (dynamic) await inspectDynamic(file, footer);
    else within(file, "disk", footer.virtualBytes, footerBytes);
    return { format: "vhd", virtualBytes: footer.virtualBytes };
  },
};
