/**
 * Where verified bytes lie, named by their SHA-256: in a directory (`local.ts`) or in an object store (`s3.ts`). The
 * rest of the service knows neither.
 */
import type { Sha256 } from "@nano/contract";
import type { ByteSource } from "../formats/format.ts";

/** A file that is being received. Nobody else sees it until it is published. */
export interface Part {
  /** What {@link BlobStore.reopen} finds it by. */
  readonly name: string;
  /** On this machine's disk, for a confined program to read or write. */
  readonly path: string;
  /** Appends; resolves when the bytes are handed to the system, not yet on the disk. One call at a time. */
  append(bytes: Uint8Array): Promise<void>;
  /**
   * Makes what was appended until now survive a power cut, also while more is appended. Returns how many bytes that
   * are.
   */
  sync(): Promise<number>;
  /** Forgets what was appended behind so many bytes. */
  cut(bytes: number): Promise<void>;
  /** What was appended already. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Makes what was appended survive a power cut, and readable. */
  seal(): Promise<ByteSource>;
  /** Gives the sealed file its name, atomically and durably; an equal one that is there already is replaced by it. */
  publish(sha256: Sha256): Promise<void>;
  /** Leaves it as it is, for {@link BlobStore.reopen}. Harmless after `publish`. */
  close(): Promise<void>;
  /** Leaves nothing behind, whatever happened before. Harmless after `publish`. */
  discard(): Promise<void>;
}

export interface Span {
  /** The first byte and the one behind the last. */
  readonly from: number;
  readonly to: number;
}

export interface StoredBlob {
  readonly sha256: Sha256;
  readonly bytes: number;
  /** Wall clock, milliseconds. */
  readonly modifiedAt: number;
}

export interface BlobStore {
  /**
   * Removes what an earlier life of the service left half received, but for those that will go on. Returns how many.
   */
  removeParts(except: ReadonlySet<string>): Promise<number>;
  begin(label: string): Promise<Part>;
  /** A part that was closed, with its first so many bytes; undefined when they are not there any more. */
  reopen(name: string, bytes: number): Promise<Part | undefined>;
  removePart(name: string): Promise<void>;
  find(sha256: Sha256): Promise<StoredBlob | undefined>;
  /**
   * Its bytes, or those of the span; `find` says whether they are there. A `Blob` is what an HTTP answer is sent
   * fastest of.
   */
  body(sha256: Sha256, span?: Span): Blob | ReadableStream<Uint8Array>;
  /** On this machine's disk, for a confined program to read; undefined in a store that is elsewhere. */
  pathOf(sha256: Sha256): string | undefined;
  remove(sha256: Sha256): Promise<void>;
  list(): AsyncIterable<StoredBlob>;
  /** Bytes that can still be written, those kept free for the system not counted. */
  roomBytes(): Promise<number>;
}

/** What {@link BlobStore.body} answers, as a stream. */
export const asStream = (body: Blob | ReadableStream<Uint8Array>): ReadableStream<Uint8Array> =>
  body instanceof Blob ? body.stream() : body;

/** A stored file, read here and there. */
export const sourceOf = (blobs: Pick<BlobStore, "body">, { sha256, bytes }: StoredBlob): ByteSource => ({
  length: bytes,
  async read(offset, length) {
    const span = { from: offset, to: Math.min(bytes, offset + length) };
    return span.from < span.to
      ? new Uint8Array(await new Response(blobs.body(sha256, span)).arrayBuffer())
      : new Uint8Array();
  },
});
