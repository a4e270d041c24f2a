/**
 * What the service must know about a file format: how to judge its first bytes while the rest is still on its way, and
 * how to judge the whole file once it lies on disk. Everything here reads bytes that a stranger sent; nothing here runs
 * another program on them.
 */
import { type DiskFormat, NanoError } from "@nano/contract";

/** Random access to a finished file. */
export interface ByteSource {
  /** Bytes in all. */
  readonly length: number;
  /** At most `length` bytes from `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** What a record says about a file beside its size and checksum. */
export interface Facts {
  /** What it turned out to be. */
  readonly format: DiskFormat | "iso";
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

export interface DiskReader extends Format {
  readonly name: DiskFormat;
}

/** A part of the file as a view, all of it there. @throws NanoError `image-format-invalid` */
export const readAll = async (file: ByteSource, offset: number, length: number): Promise<DataView> => {
  const bytes = await file.read(offset, length);
  if (bytes.length < length) throw invalid(`The file is truncated: ${file.length} bytes, a table ends after them`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};

/** @throws NanoError `image-format-invalid` unless these bytes lie in the file */
export const within = (file: ByteSource, what: string, offset: number, length: number) => {
  if (offset + length > file.length)
    throw invalid(
      `The file is truncated or damaged: its ${what} ends at byte ${offset + length}, the file at ${file.length}`,
      { details: { fileBytes: file.length, neededBytes: offset + length } },
    );
};

/** @throws NanoError `image-too-large`, `image-format-invalid` when there is no disk at all */
export const checkVirtualBytes = (virtualBytes: number | bigint, { maxVirtualBytes }: FormatLimits): number => {
  if (BigInt(virtualBytes) === 0n) throw invalid("The image declares a disk of 0 bytes");
  if (BigInt(virtualBytes) > BigInt(maxVirtualBytes))
    throw new NanoError(
      "image-too-large",
      `The image declares a disk of ${virtualBytes} bytes; ${maxVirtualBytes} are allowed`,
      { details: { virtualBytes: virtualBytes.toString(), maxVirtualBytes } },
    );
  return Number(virtualBytes);
};

/** A 64-bit offset or size that is a safe integer. @throws NanoError `image-format-invalid` */
export const readOffset = (view: DataView, at: number, what: string, littleEndian: boolean): number => {
  const offset = view.getBigUint64(at, littleEndian);
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(`The ${what} lies at offset ${offset}, beyond any file`);
  return Number(offset);
};

/** Refused because it shows or needs another file. */
export const differencing = (what: string) =>
  unsafe(`The image is ${what}: it shows parts of another file, which is not in the upload`, {
    details: { feature: "backing-file" },
  });

export const invalid = (message: string, options: { remedy?: string; details?: Record<string, unknown> } = {}) =>
  new NanoError("image-format-invalid", message, options);
export const unsafe = (message: string, options: { remedy?: string; details?: Record<string, unknown> } = {}) =>
  new NanoError("image-unsafe", message, options);
