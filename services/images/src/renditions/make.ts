/**
 * One rendition, from the stored file to a part that is whole and sound:
 *
 *     stored qcow2 ─► (fetched, if the store is elsewhere) ─► qemu-img, confined ─► inspected ─► SHA-256
 */
import { stat } from "node:fs/promises";
import { NanoError, type RenditionFormat, type Sha256 } from "@nano/contract";
import { asStream, type BlobStore, type Part, type StoredBlob } from "../blobs/blobs.ts";
import { asSha256, sha256Of } from "../blobs/sha256.ts";
import { convert } from "../convert/convert.ts";
import { readers } from "../formats/disk.ts";
import type { ByteSource, FormatLimits } from "../formats/format.ts";
import type { FileRow } from "../records/store.ts";
import type { Reservation } from "../uploads/space.ts";
import { makings } from "./formats.ts";

export interface MakeOptions {
  readonly blobs: BlobStore;
  readonly limits: FormatLimits & {
    /** Largest file, in bytes. */
    readonly maxBytes: number;
  };
  readonly image: FileRow;
  readonly source: StoredBlob;
  readonly format: RenditionFormat;
  readonly reservation: Reservation;
  readonly signal: AbortSignal;
  /** 0 to 100, rising. */
  readonly onProgress: (percent: number) => void;
}

export interface Made {
  /** Sealed; the caller's to publish or discard. */
  readonly part: Part;
  readonly bytes: number;
  readonly sha256: Sha256;
  /** What it takes on the disk: less than its length where it has holes. */
  readonly diskBytes: number;
}

/** The rest is reading what came out, for its checksum: of a long raw disk that takes a while, too. */
const convertingShare = 0.8;

/** @throws NanoError what `convert` throws, `conversion-failed`, `image-damaged`; the signal's reason */
export const make = async (options: MakeOptions): Promise<Made> => {
  const { blobs, limits, image, source, format, reservation, signal, onProgress } = options;
  const { format: result, options: how } = makings[format];
  const here = blobs.pathOf(source.sha256);
  const fetched = here === undefined ? await fetchSource(options) : undefined;
  try {
    const part = await blobs.begin(`${image.id}-${format}`);
    try {
      await convert({
        from: { path: here ?? fetched?.path ?? "", format: "qcow2" },
        to: { path: part.path, format: result, options: how },
        maxBytes: limits.maxBytes,
        reservation,
        signal,
        onProgress: (percent) => onProgress(Math.floor(percent * convertingShare)),
      });
      const file = await part.seal();
      await requireSound(file, options);
      let told = Math.floor(100 * convertingShare);
      const sha256 = await sha256Of(file, signal, (bytes) => {
        const percent = Math.floor(100 * (convertingShare + (1 - convertingShare) * (bytes / file.length)));
        if (percent > told) onProgress(percent);
        told = Math.max(told, percent);
      });
      const diskBytes = here === undefined ? file.length : (await stat(part.path)).blocks * 512;
      return { part, bytes: file.length, sha256, diskBytes };
    } catch (error) {
      await part.discard();
      throw error;
    }
  } finally {
    await fetched?.discard();
  }
};

/** It is what it should be, and the same disk as far as its header says. */
const requireSound = async (file: ByteSource, { format, image, limits }: MakeOptions): Promise<void> => {
  const wrong = (cause?: unknown) =>
    new NanoError("conversion-failed", `What came out of the conversion is no sound ${format} of '${image.name}'`, {
      ...(cause === undefined ? {} : { cause }),
    });
  const reader = readers[makings[format].format];
  // A raw disk says nothing of itself: whatever a guest has written there is right.
  const facts = reader.name === "raw" ? { virtualBytes: file.length } : await reader.inspect(file, limits).catch(wrong);
  if (facts instanceof NanoError) throw facts;
  // Records of before may have a size that ends within a sector, which QEMU leaves out.
  const expected = image.virtual_bytes === null ? undefined : Math.floor(Number(image.virtual_bytes) / 512) * 512;
  if (expected !== undefined && facts.virtualBytes !== expected) throw wrong();
};

/** On this machine's disk for a while, verified. */
const fetchSource = async ({ blobs, image, source, reservation, signal }: MakeOptions): Promise<Part> => {
  const part = await blobs.begin(`${image.id}-source`);
  try {
    const hasher = new Bun.CryptoHasher("sha256");
    for await (const piece of asStream(blobs.body(source.sha256))) {
      signal.throwIfAborted();
      hasher.update(piece);
      await reservation.ensure(piece.length);
      await part.append(piece);
      reservation.wrote(piece.length);
    }
    if (asSha256(hasher.digest("hex")) !== source.sha256)
      throw new NanoError("image-damaged", `The stored file of '${image.name}' does not have its checksum any more`);
    return part;
  } catch (error) {
    await part.discard();
    throw error;
  }
};
