/** Files in memory as the formats' readers see them, and what they say about them. */
import { NanoError } from "@nano/contract";
import type { ByteSource, Format } from "../formats/format.ts";

export const source = (bytes: Uint8Array): ByteSource => ({
  length: bytes.length,
  read: async (offset, length) => bytes.slice(offset, offset + length),
});

/** `fine` and the format, or the code and message of the refusal: of the beginning, then of the whole. */
export const verdictOf = async (format: Format, bytes: Uint8Array, maxVirtualBytes = 2 ** 44): Promise<string> => {
  const limits = { maxVirtualBytes };
  try {
    format.checkHead(bytes.subarray(0, format.headBytes), bytes.length <= format.headBytes, limits);
    return `fine: ${(await format.inspect(source(bytes), limits)).format}`;
  } catch (error) {
    if (!(error instanceof NanoError)) throw error;
    return `${error.code}: ${error.message}`;
  }
};

/** A copy with a part of it overwritten; a number in so many bytes, little-endian by default. */
export const patched = (
  bytes: Uint8Array,
  at: number,
  value:
    | Uint8Array
    | string
    | { readonly size: 1 | 2 | 4 | 8; readonly value: number | bigint; readonly big?: boolean },
): Uint8Array => {
  const copy = bytes.slice();
  const from = at < 0 ? copy.length + at : at;
  if (typeof value === "string") copy.set(new TextEncoder().encode(value), from);
  else if (value instanceof Uint8Array) copy.set(value, from);
  else {
    const view = new DataView(copy.buffer);
    const little = !value.big;
    if (value.size === 1) view.setUint8(from, Number(value.value));
    else if (value.size === 2) view.setUint16(from, Number(value.value), little);
    else if (value.size === 4) view.setUint32(from, Number(value.value), little);
    else view.setBigUint64(from, BigInt(value.value), little);
  }
  return copy;
};
