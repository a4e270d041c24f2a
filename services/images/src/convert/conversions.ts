/**
 * Disk images that came in another format, made qcow2: a few at a time, the others wait. The result is looked at as
 * closely as if a stranger had sent it, since a stranger's file went through a large program.
 */
import { type DiskFormat, type Log, NanoError, type Sha256 } from "@nano/contract";
import type { BlobStore, Part } from "../blobs/blobs.ts";
import { sha256Of } from "../blobs/sha256.ts";
import type { Facts, FormatLimits } from "../formats/format.ts";
import type { PackingName } from "../formats/packed.ts";
import { qcow2 } from "../formats/qcow2-tables.ts";
import type { FileRow } from "../records/store.ts";
import { createTurns } from "../turns.ts";
import type { Space } from "../uploads/space.ts";
import { convert } from "./convert.ts";
import { requireOpens } from "./probe.ts";
import { unpack } from "./unpack.ts";

export interface ConversionsOptions {
  readonly blobs: BlobStore;
  readonly space: Space;
  readonly limits: FormatLimits & {
    /** Largest file, in bytes. */
    readonly maxBytes: number;
    /** At the same time. */
    readonly maxConversions: number;
  };
  readonly log: Log;
  /** Tries whether programs can be confined here. @throws NanoError `conversion-unavailable` */
  readonly confinement: () => Promise<void>;
  /** 0 to 100; each value once. */
  readonly onProgress: (row: FileRow, percent: number) => void;
  /** Called when the program runs. */
  readonly onStarted?: () => Promise<void> | void;
}

export interface Source {
  /** Undefined for what is in the store already. */
  readonly path: string | undefined;
  readonly format: DiskFormat;
}

export interface Converted {
  /** Sealed; the caller's to publish or discard. */
  readonly part: Part;
  readonly bytes: number;
  readonly sha256: Sha256;
  readonly facts: Facts;
}

export interface Conversions {
  /** @throws NanoError `conversion-unavailable` when no program can be confined here */
  requireAble(): Promise<void>;
  /**
   * @throws NanoError `conversion-unavailable` when it is a format to convert, and this machine could not when that was
   * last tried
   */
  requireKnownAble(format: DiskFormat): void;
  /** What is inside a compressed file. @throws NanoError why not, see {@link unpack}; the signal's reason */
  unpacked(
    row: FileRow,
    from: { readonly path: string; readonly packing: PackingName },
    signal: AbortSignal,
  ): Promise<Part>;
  /** QEMU opens it, as far as that can be asked here. @throws NanoError `image-format-invalid`, the signal's reason */
  requireOpens(path: string, signal: AbortSignal): Promise<void>;
  /** @throws NanoError why not, see {@link convert}; the signal's reason */
  toQcow2(row: FileRow, from: Source, signal: AbortSignal): Promise<Converted>;
  /** Percent, of one that runs or waits. */
  progressOf(id: string): number | undefined;
}

export const createConversions = (options: ConversionsOptions): Conversions => {
  const { blobs, space, limits } = options;
  const turns = createTurns(limits.maxConversions);
  const progress = new Map<string, number>();
  let able: Promise<void> | undefined;
  let refusal: NanoError | undefined;

  const requireAble = () => {
    // A refusal is not kept: what lacks may be installed meanwhile.
    able ??= options.confinement().then(
      () => {
        refusal = undefined;
      },
      (error) => {
        able = undefined;
        refusal = NanoError.from(error, "trying out a confined program");
        throw refusal;
      },
    );
    return able;
  };
  requireAble().catch((error) => options.log.warn("Takes no disk images but qcow2", { reason: error.message }));

  return {
    requireAble,
    requireKnownAble(format) {
      if (format === "qcow2" || refusal === undefined) return;
      requireAble().catch(() => {});
      throw refusal;
    },
    progressOf: (id) => progress.get(id),

    async unpacked(row, from, signal) {
      await requireAble();
      await using _turn = await turns.take(signal, row.owner);
      const part = await blobs.begin(row.id);
      try {
        const reservation = await space.reserve(undefined);
        try {
          await unpack({ from, to: part, maxBytes: limits.maxBytes, reservation, signal });
        } finally {
          reservation.release();
        }
        return part;
      } catch (error) {
        await part.discard();
        throw error;
      }
    },

    async requireOpens(path, signal) {
      const able = await requireAble().then(
        () => true,
        () => false,
      );
      if (able) await requireOpens(path, signal);
    },

    async toQcow2(row, { path, format }, signal) {
      if (path === undefined) throw new NanoError("image-damaged", `The stored file of '${row.name}' is no qcow2`);
      await requireAble();
      progress.set(row.id, 0);
      const result = await blobs.begin(row.id);
      try {
        await using _turn = await turns.take(signal, row.owner);
        const reservation = await space.reserve(undefined);
        try {
          await options.onStarted?.();
          await convert({
            from: { path, format },
            to: { path: result.path, format: "qcow2" },
            maxBytes: limits.maxBytes,
            reservation,
            signal,
            onProgress(percent) {
              progress.set(row.id, percent);
              options.onProgress(row, percent);
            },
          });
        } finally {
          reservation.release();
        }
        const file = await result.seal();
        const facts = await qcow2.inspect(file, limits).catch((cause) => {
          throw new NanoError("conversion-failed", "What came out of the conversion is no sound qcow2", { cause });
        });
        return { part: result, bytes: file.length, sha256: await sha256Of(file, signal), facts };
      } catch (error) {
        await result.discard();
        throw error;
      } finally {
        progress.delete(row.id);
      }
    },
  };
};
