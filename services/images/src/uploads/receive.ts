/**
 * Bytes from a client to the disk, once: each piece is hashed and judged as it arrives, gathered into writes of a mebibyte, and one
 * write runs while the next one is gathered. A second write waits for the first, so a slow disk slows the client down and memory stays flat
 * whatever the size.
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
  /** Called often: how many bytes have arrived. */
  readonly onProgress: (bytes: number) => void;
}

export interface Received {
  readonly bytes: number;
  readonly sha256: Sha256;
}

/**
 * @param body the file's bytes; it throws when the client goes away
 * @throws NanoError `upload-incomplete`, `invalid-input`, `image-too-large`, `checksum-mismatch`, `disk-full` or what the format's head check says
 */
export const receive = async (body: ReadableStream<Uint8Array>, options: ReceiveOptions): Promise<Received> => {
  const { part, reservation, signal, expected } = options;
  const hasher = new Bun.CryptoHasher("sha256");
  const head = createHead(options);
  let bytes = 0;
  // Copied into two buffers that take turns: the client's own pieces die young, and so cost the garbage collector next to nothing.
  let gathering = new Uint8Array(gatherBytes);
  let spare = new Uint8Array(gatherBytes);
  let gatheredBytes = 0;
  let writing: Promise<void> = Promise.resolve();
  let failure: unknown;

  const flush = async () => {
    const full = gathering;
    const size = gatheredBytes;
    await writing;
    if (failure !== undefined) throw failure;
    gathering = spare;
    spare = full;
    gatheredBytes = 0;
    await reservation.ensure(size);
    // Not awaited here: it is while the next mebibyte is gathered. Its failure is thrown at the next flush.
    writing = part.append(full.subarray(0, size)).then(
      () => reservation.wrote(size),
      (error) => {
        failure = error;
      },
    );
  };

  const reader = body.getReader();
  const stop = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      let next: Awaited<ReturnType<typeof reader.read>>;
      try {
        next = await reader.read();
      } catch (cause) {
        signal.throwIfAborted();
        // Whoever sends knows better what went wrong: it is this service itself.
        if (cause instanceof NanoError) throw cause;
        throw new NanoError("upload-incomplete", `The client went away after ${bytes} bytes`, {
          cause,
          details: { receivedBytes: bytes },
        });
      }
      const { done, value } = next;
      signal.throwIfAborted();
      if (done) break;
      bytes += value.length;
      checkLength(bytes, options);
      head.add(value);
      hasher.update(value);
      options.onProgress(bytes);
      for (let rest = value; rest.length > 0; ) {
        const fitting = rest.subarray(0, gatherBytes - gatheredBytes);
        gathering.set(fitting, gatheredBytes);
        gatheredBytes += fitting.length;
        rest = rest.subarray(fitting.length);
        if (gatheredBytes === gatherBytes) await flush();
      }
    }
    head.end();
    if (expected.bytes !== undefined && bytes < expected.bytes)
      throw new NanoError("upload-incomplete", `The upload ended after ${bytes} of ${expected.bytes} bytes`, {
        details: { receivedBytes: bytes, expectedBytes: expected.bytes },
      });
    const sha256 = asSha256(hasher.digest("hex"));
    if (expected.sha256 !== undefined && sha256 !== expected.sha256)
      throw new NanoError(
        "checksum-mismatch",
        `The bytes have the SHA-256 ${sha256}; ${expected.sha256} was promised`,
        {
          details: { sha256, expectedSha256: expected.sha256 },
        },
      );
    if (gatheredBytes > 0) await flush();
    await writing;
    if (failure !== undefined) throw failure;
    return { bytes, sha256 };
  } finally {
    signal.removeEventListener("abort", stop);
    // The file may be closed only when nothing writes to it any more.
    await writing;
    reader.releaseLock();
  }
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
      if (!open) return;
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
