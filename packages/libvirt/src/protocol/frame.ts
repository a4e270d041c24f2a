/**
 * Framing of libvirt's RPC (libvirt's `src/rpc/virnetprotocol.x`).
 *
 * Every message is a four-byte length that counts itself, a 24-byte header, and a payload. The reader below takes bytes
 * in whatever chunks the transport hands over. A message that lies within one chunk is passed on as a view of it,
 * without a copy; only one that straddles chunks is gathered in a buffer of its own.
 */

import { LibvirtError } from "../errors.ts";
import { XdrWriter } from "../xdr.ts";

export const LENGTH_SIZE = 4;
export const HEADER_SIZE = 24;
export const FRAME_MIN = LENGTH_SIZE + HEADER_SIZE;
/** VIR_NET_MESSAGE_MAX (32 MiB since libvirt 2.0) and the length word. */
export const FRAME_MAX = 33_554_432 + LENGTH_SIZE;
/** VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX: the most a stream packet may carry. */
export const STREAM_PAYLOAD_MAX = 262_120;

export const MessageType = { call: 0, reply: 1, message: 2, stream: 3 } as const;
export const MessageStatus = { ok: 0, error: 1, continue: 2 } as const;

export interface Header {
  /** Which protocol the procedure number belongs to. */
  program: number;
  version: number;
  procedure: number;
  /** See {@link MessageType}. */
  type: number;
  /** Chosen by the caller, repeated in the answer; 0 in events. */
  serial: number;
  /** See {@link MessageStatus}. */
  status: number;
}

export interface Message {
  header: Header;
  /** A view; whoever keeps it beyond the callback keeps the whole chunk in memory. */
  payload: Uint8Array;
}

/** A frame whose payload is written by `body`. */
export function encodeFrame(header: Header, body?: (writer: XdrWriter) => void): Uint8Array {
  const writer = new XdrWriter(body ? 256 : FRAME_MIN);
  writer.uint(0);
  writer.uint(header.program);
  writer.uint(header.version);
  writer.int(header.procedure);
  writer.int(header.type);
  writer.uint(header.serial);
  writer.int(header.status);
  body?.(writer);
  if (writer.length > FRAME_MAX) {
    throw new LibvirtError("PROTOCOL", `a message of ${writer.length} bytes is over libvirt's limit of ${FRAME_MAX}`);
  }
  writer.patchUint(0, writer.length);
  return writer.finish();
}

/** The 28 bytes that go before `payloadSize` bytes of stream data, which need not be copied to be sent. */
export function encodeStreamPrefix(header: Header, payloadSize: number): Uint8Array {
  const prefix = encodeFrame(header);
  new DataView(prefix.buffer, prefix.byteOffset).setUint32(0, FRAME_MIN + payloadSize);
  return prefix;
}

export class FrameReader {
  readonly #deliver: (message: Message) => void;
  /** Bytes of a frame that has not arrived whole; `#wanted` is its length once the length word is known. */
  #partial = new Uint8Array(LENGTH_SIZE);
  #filled = 0;
  #wanted = LENGTH_SIZE;

  constructor(deliver: (message: Message) => void) {
    this.#deliver = deliver;
  }

  /** Throws `PROTOCOL` on a length no libvirt would send: the rest of the bytes has lost its meaning then. */
  push(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#filled === 0 && chunk.length - offset >= LENGTH_SIZE) {
        const length = frameLength(chunk, offset);
        if (chunk.length - offset >= length) {
          this.#deliver(parseFrame(chunk.subarray(offset, offset + length)));
          offset += length;
          continue;
        }
      }
      offset += this.#gather(chunk, offset);
    }
  }

  /** Copies what belongs to the frame under way; returns how much that was. */
  #gather(chunk: Uint8Array, offset: number): number {
    const size = Math.min(this.#wanted - this.#filled, chunk.length - offset);
    this.#partial.set(chunk.subarray(offset, offset + size), this.#filled);
    this.#filled += size;
    if (this.#filled < this.#wanted) return size;
    if (this.#wanted === LENGTH_SIZE) {
      const length = frameLength(this.#partial, 0);
      const whole = new Uint8Array(length);
      whole.set(this.#partial);
      this.#partial = whole;
      this.#wanted = length;
      return size;
    }
    const frame = this.#partial;
    this.#partial = new Uint8Array(LENGTH_SIZE);
    this.#filled = 0;
    this.#wanted = LENGTH_SIZE;
    this.#deliver(parseFrame(frame));
    return size;
  }
}

function frameLength(bytes: Uint8Array, offset: number): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset + offset, LENGTH_SIZE).getUint32(0);
  if (length < FRAME_MIN || length > FRAME_MAX) {
    throw new LibvirtError(
      "PROTOCOL",
      `the peer announced a message of ${length} bytes (${FRAME_MIN} to ${FRAME_MAX} are possible)`,
    );
  }
  return length;
}

function parseFrame(frame: Uint8Array): Message {
  const view = new DataView(frame.buffer, frame.byteOffset, FRAME_MIN);
  return {
    header: {
      program: view.getUint32(4),
      version: view.getUint32(8),
      procedure: view.getInt32(12),
      type: view.getInt32(16),
      serial: view.getUint32(20),
      status: view.getInt32(24),
    },
    payload: frame.subarray(FRAME_MIN),
  };
}
