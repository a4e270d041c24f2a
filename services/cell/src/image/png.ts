/**
 * Pictures: just enough PNG (W3C, third edition) to encode a plain RGB image, and the PPM older QEMUs answer instead.
 */
import { promisify } from "node:util";
import { deflate } from "node:zlib";

/** In a thread of its own. */
const deflated = promisify(deflate);

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Three bytes a pixel, row by row. */
  readonly rgb: Uint8Array;
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const chunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(Bun.hash.crc32(body), body.length + 4);
  return framed;
};

export const encodePng = async ({ width, height, rgb }: Picture): Promise<Uint8Array> => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits a channel, RGB; default compression, filter and no interlace.
  header.set([8, 2], 8);
  const stride = width * 3;
  // Each row begins with its filter: 0, none.
  const rows = Buffer.alloc((stride + 1) * height);
  for (let y = 0; y < height; y++) rows.set(rgb.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", await deflated(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
};

/** @throws Error when it is no binary PPM with 8 bits a channel */
export const decodePpm = (bytes: Uint8Array): Picture => {
  const header = /^P6\s+(?:#.*\n)?(\d+)\s+(\d+)\s+255\s/.exec(Buffer.from(bytes.subarray(0, 128)).toString("latin1"));
  const [all = "", width = 0, height = 0] = header ? [header[0], Number(header[1]), Number(header[2])] : [];
  const rgb = bytes.subarray(all.length);
  if (!header || rgb.length < width * height * 3) throw new Error("That is no PPM picture");
  return { width, height, rgb };
};

export const isPng = (bytes: Uint8Array): boolean => signature.equals(bytes.subarray(0, signature.length));
