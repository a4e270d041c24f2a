/**
 * What the service must know about a file format: how to judge its first bytes while the rest is still on its way, and how to judge
 * the whole file once it lies on disk. Everything here reads bytes that a stranger sent; nothing here runs another program on them.
 */
import { NanoError } from "@nano/contract";

/** Random access to a finished file. */
export interface ByteSource {
  /** Bytes in all. */
  readonly length: number;
  /** At most `length` bytes from `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** What a record says about a file beside its size and checksum. */
export interface Facts {
  /** Size of the disk that an instance sees, in bytes. */
  readonly virtualBytes?: number;
  /** Of an ISO 9660 volume. */
  readonly volumeLabel?: string;
}

export interface FormatLimits {
  /** Largest disk an image may declare, in bytes. */
  readonly maxVirtualBytes: number;
}

export interface Format {
  readonly name: "qcow2" | "iso";
  /** {@link Format.checkHead} says `fine` or throws at the latest when it is given so many bytes. */
  readonly headBytes: number;
  /**
   * Judges the file's beginning, as far as it has come.
   * @param complete there will be no more bytes than these
   * @throws NanoError `image-format-invalid`, `image-unsafe`, `image-too-large`
   */
  checkHead(head: Uint8Array, complete: boolean, limits: FormatLimits): "more" | "fine";
  /** Judges the whole file. @throws the same errors as {@link Format.checkHead} */
  inspect(file: ByteSource, limits: FormatLimits): Promise<Facts>;
}

export const invalid = (message: string, options: { remedy?: string; details?: Record<string, unknown> } = {}) =>
  new NanoError("image-format-invalid", message, options);
export const unsafe = (message: string, options: { remedy?: string; details?: Record<string, unknown> } = {}) =>
  new NanoError("image-unsafe", message, options);
