/**
 * Bytes from a client to the disk, once: each piece is hashed and judged as it arrives, gathered into writes of a
 * mebibyte, and one write runs while the next one is gathered. A second write waits for the first, so a slow disk slows
 * the client down and memory stays flat whatever the size.
 *
 *     client ──► [head check] ──► SHA-256 ──► gather 1 MiB ──► write (one at a time) ──► .part
 */
import { NanoError, type Sha256 } from "@nano/contract";
import type { Part } from "../blobs/blobs.ts";
import { asSha256 } from "../blobs/sha256.ts";
import type { Format, FormatLimits } from "../formats/format.ts";
import type { Reservation } from "./space.ts";

/** One write; large enough that its fixed cost does not matter. */
const gatherBytes = 1024 * 1024;

export interface ReceiveOptions {
  readonly format: Format;
  readonly limits: FormatLimits & {
    /** Largest file, in bytes. */
    readonly maxBytes: number;
  };
  readonly part: Part;
  readonly reservation: Reservation;
  /** What was promised, as far as it was. */
  readonly expected: { readonly bytes: number | undefined; readonly sha256: string | undefined };
  /** Ends the transfer: the record was deleted, or the service stops. Its reason is thrown. */
  readonly signal: AbortSignal;
  /** Called often: how many bytes of the file have arrived. */
  readonly onProgress: (bytes: number) => void;
  /** Given when the file's beginning arrived before. */
  readonly before?: Before;
}

/** The beginning of a file that goes on: what is in its part already. */
export interface Before {
  readonly bytes: number;
  /** Over these bytes; not known any more after a restart, and then computed from the part when all is there. */
  readonly hasher: Bun.CryptoHasher | undefined;
}

export interface Received {
  readonly bytes: number;
  readonly sha256: Sha256;
}

export interface Receiver {
  /** How much of the file is in the part. */
  readonly bytes: number;
  /** Over those bytes, if it is known. */
  readonly hasher: Bun.CryptoHasher | undefined;
  /**
   * Takes bytes until the body ends. What came before the client went away is in the part, too, when that is thrown.
   * @param body throws when the client goes away
   * @param also hashed beside: a checksum of this body alone
   * @throws NanoError `upload-incomplete`, `invalid-input`, `image-too-large`, `disk-full`, what the format's head check says, or the signal's reason
   */
  take(body: ReadableStream<Uint8Array>, also?: Bun.CryptoHasher): Promise<void>;
  /**
   * There is no more. @throws NanoError `upload-incomplete`, `checksum-mismatch` or what the format's head check says
   */
  end(): Promise<Received>;
}

/** A whole file from one body. @throws what {@link Receiver} throws */
export const receive = async (body: ReadableStream<Uint8Array>, options: ReceiveOptions): Promise<Received> => {
  const receiver = await createReceiver(options);
  await receiver.take(body);
  return await receiver.end();
};

export const createReceiver = async (options: ReceiveOptions): Promise<Receiver> => {
  const { part, signal, expected, before } = options;
  const head = createHead(options);
  if (before) head.add(await part.read(0, Math.min(before.bytes, options.format.headBytes)));
  const hasher = before ? before.hasher : new Bun.CryptoHasher("sha256");
  const writer = createWriter(options);
  let bytes = before?.bytes ?? 0;

  return {
    get bytes() {
      return bytes;
    },
    hasher,

    async take(body, also) {
      const reader = body.getReader();
      const stop = () => void reader.cancel(signal.reason).catch(() => {});
      signal.addEventListener("abort", stop, { once: true });
      // Before this body there was work to do, and whoever ended it did so then, maybe.
      if (signal.aborted) stop();
      try {
        for (;;) {
          const next = await reader.read().catch((cause) => new Gone(cause));
          if (signal.aborted || next instanceof Gone) {
            await writer.flush();
            signal.throwIfAborted();
            // Whoever sends knows better what went wrong: it is this service itself.
            if (next instanceof Gone && next.cause instanceof NanoError) throw next.cause;
            throw new NanoError("upload-incomplete", `The client went away after ${bytes} bytes`, {
              cause: next instanceof Gone ? next.cause : undefined,
              details: { receivedBytes: bytes },
            });
          }
          if (next.done) break;
          const piece = next.value;
          checkLength(bytes + piece.length, options);
          head.add(piece);
          hasher?.update(piece);
          also?.update(piece);
          bytes += piece.length;
          options.onProgress(bytes);
          await writer.add(piece);
        }
        await writer.flush();
      } finally {
        signal.removeEventListener("abort", stop);
        // The file may be closed only when nothing writes to it any more.
        await writer.idle();
        reader.releaseLock();
      }
    },

    async end() {
      head.end();
      if (expected.bytes !== undefined && bytes < expected.bytes)
        throw new NanoError("upload-incomplete", `The upload ended after ${bytes} of ${expected.bytes} bytes`, {
          details: { receivedBytes: bytes, expectedBytes: expected.bytes },
        });
      const complete = hasher ?? (await hashOf(part, bytes, signal));
      const sha256 = asSha256(complete.digest("hex"));
      if (expected.sha256 !== undefined && sha256 !== expected.sha256)
        throw new NanoError(
          "checksum-mismatch",
          `The bytes have the SHA-256 ${sha256}; ${expected.sha256} was promised`,
          { details: { sha256, expectedSha256: expected.sha256 } },
        );
      return { bytes, sha256 };
    },
  };
};

/** The stream failed: whoever sent it is not there any more. */
class Gone {
  constructor(readonly cause: unknown) {}
}

const hashOf = async (part: Part, bytes: number, signal: AbortSignal): Promise<Bun.CryptoHasher> => {
  const hasher = new Bun.CryptoHasher("sha256");
  for (let at = 0; at < bytes; ) {
    signal.throwIfAborted();
    const piece = await part.read(at, Math.min(gatherBytes, bytes - at));
    if (piece.length === 0) throw new NanoError("upload-incomplete", "What had arrived is not on the disk any more");
    hasher.update(piece);
    at += piece.length;
  }
  return hasher;
};

/**
 * Gathers pieces into writes of a mebibyte, in two buffers that take turns: the client's own pieces die young, and so
 * cost the garbage collector next to nothing.
 */
const createWriter = ({ part, reservation }: ReceiveOptions) => {
  let gathering = new Uint8Array(gatherBytes);
  let spare = new Uint8Array(gatherBytes);
  let gathered = 0;
  let writing: Promise<void> = Promise.resolve();
  let failure: unknown;

  const settled = async () => {
    await writing;
    if (failure !== undefined) throw failure;
  };
  const write = async () => {
    const full = gathering;
    const size = gathered;
    await settled();
    gathering = spare;
    spare = full;
    gathered = 0;
    await reservation.ensure(size);
    // Not awaited here: it is while the next mebibyte is gathered. Its failure is thrown at the next write.
    writing = part.append(full.subarray(0, size)).then(
      () => reservation.wrote(size),
      (error) => {
        failure = error;
      },
    );
  };
  return {
    async add(piece: Uint8Array) {
      for (let rest = piece; rest.length > 0; ) {
        const fitting = rest.subarray(0, gatherBytes - gathered);
        gathering.set(fitting, gathered);
        gathered += fitting.length;
        rest = rest.subarray(fitting.length);
        if (gathered === gatherBytes) await write();
      }
    },
    async flush() {
      if (gathered > 0) await write();
      await settled();
    },
    /** Nothing is being written; whether it failed is told by the others. */
    idle: () => writing,
  };
};

/** @throws NanoError when more comes than was promised or is allowed. */
const checkLength = (bytes: number, { expected, limits }: ReceiveOptions) => {
  if (expected.bytes !== undefined && bytes > expected.bytes)
    throw new NanoError("invalid-input", `The file has more than the ${expected.bytes} bytes that were promised`, {
      details: { expectedBytes: expected.bytes, fields: [] },
    });
  if (bytes > limits.maxBytes)
    throw new NanoError("image-too-large", `The file has more than the ${limits.maxBytes} bytes that are allowed`, {
      details: { maxBytes: limits.maxBytes },
    });
};

/** Gathers the file's beginning and judges it as soon as there is enough of it. */
const createHead = ({ format, limits }: ReceiveOptions) => {
  let head = new Uint8Array(0);
  let open = true;
  return {
    add(piece: Uint8Array) {
      if (!open || piece.length === 0) return;
      const wanted = piece.subarray(0, format.headBytes - head.length);
      const longer = new Uint8Array(head.length + wanted.length);
      longer.set(head);
      longer.set(wanted, head.length);
      head = longer;
      open = format.checkHead(head, false, limits) === "more" && head.length < format.headBytes;
    },
    end() {
      if (open) format.checkHead(head, true, limits);
    },
  };
};
