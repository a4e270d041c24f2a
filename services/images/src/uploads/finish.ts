/**
 * From a file that has arrived whole to a record that is ready: however it came, it ends here.
 *
 *     seal ─► inspect ─► convert to qcow2 ─► publish + record
 *                415     (what is none) 422    one critical section with the deletion of blobs
 *                422          501
 */
import { type Clock, NanoError, type Sha256 } from "@nano/contract";
import type { Kysely } from "kysely";
import type { BlobStore, Part } from "../blobs/blobs.ts";
import { sha256Of } from "../blobs/sha256.ts";
import type { Conversions } from "../convert/conversions.ts";
import type { ByteSource, Format, FormatLimits } from "../formats/format.ts";
import { type PackingName, packingOfFile } from "../formats/packed.ts";
import type { Mutex } from "../mutex.ts";
import { claim } from "../records/quota.ts";
import { type FileRow, type ImagesDatabase, isReferred } from "../records/store.ts";
import type { Received } from "./receive.ts";
import { markChecking, markReady, type Stored } from "./rows.ts";

/** The places between which a file on its way changes what is stored. Tests kill the process at each. */
export const uploadStages = [
  "begun",
  "received",
  "checking",
  "sealed",
  "inspected",
  "converting",
  "converted",
  "published",
  "recorded",
] as const;
export type UploadStage = (typeof uploadStages)[number];

export interface FinishOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  /** Held while a blob is published or removed together with its record. */
  readonly blobMutex: Mutex;
  readonly formatOf: (row: FileRow) => Format;
  readonly conversions: Conversions;
  readonly limits: FormatLimits & { readonly quotaBytes: number | undefined };
  readonly clock: Clock;
  /** What has this checksum was verified just now. */
  readonly trust: (sha256: Sha256) => Promise<void>;
  /** A change was committed: its event waits in the outbox. */
  readonly onCommit: () => void;
  /** Called when a stage is passed. */
  readonly onStage?: ((stage: UploadStage) => Promise<void> | void) | undefined;
}

/** A file that lies here whole: a part, or what an earlier life of the service has published and not recorded. */
export type Arrived = Pick<Part, "seal" | "publish"> & Partial<Pick<Part, "path" | "discard">>;

/**
 * Judges the file and publishes it with its record. The part stays the caller's, to discard.
 * @returns the ready record
 * @throws NanoError what the format's inspection says, `cancelled` when the record was deleted or another attempt was begun
 */
export type Finish = (row: FileRow, part: Arrived, received: Received, signal: AbortSignal) => Promise<FileRow>;

export const createFinish = (options: FinishOptions): Finish => {
  const { db, blobs, blobMutex, conversions, limits, clock, onCommit } = options;
  const cause = () => ({ now: clock.now() });
  const passed = async (stage: UploadStage) => options.onStage?.(stage);

  const removeIfOrphan = async (sha256: Received["sha256"]) => {
    if (!(await isReferred(db, sha256))) await blobs.remove(sha256);
  };

  const claimRoom = (row: FileRow, bytes: number) =>
    db.transaction().execute((trx) => claim(trx, row, bytes, limits.quotaBytes));

  const publish = (
    row: FileRow,
    { part, ...file }: Stored & { part: Pick<Part, "publish"> },
    signal: AbortSignal,
  ): Promise<FileRow> =>
    blobMutex.run(async () => {
      signal.throwIfAborted();
      await part.publish(file.sha256);
      await options.trust(file.sha256);
      await passed("published");
      const ready = await markReady(db, row, file, cause()).catch(async (error) => {
        await removeIfOrphan(file.sha256);
        throw error;
      });
      if (!ready) {
        await removeIfOrphan(file.sha256);
        throw superseded();
      }
      await passed("recorded");
      onCommit();
      return ready;
    });

  const judge = async (
    row: FileRow,
    part: Arrived,
    received: Received,
    file: ByteSource,
    signal: AbortSignal,
    packing?: PackingName,
  ): Promise<FileRow> => {
    const unpacked = packing === undefined ? {} : { unpackedFrom: packing };
    const facts = await options.formatOf(row).inspect(file, limits);
    await passed("inspected");
    if (facts.format === "qcow2" && part.path !== undefined) await conversions.requireOpens(part.path, signal);
    if (facts.format === "qcow2" || facts.format === "iso")
      return await publish(row, { part, ...received, ...unpacked, facts }, signal);
    const from = { path: part.path, format: facts.format };
    const converted = await conversions.toQcow2(row, from, signal);
    try {
      await passed("converted");
      await claimRoom(row, converted.bytes);
      const ready = await publish(row, { ...converted, ...unpacked, convertedFrom: from.format }, signal);
      await part.discard?.();
      return ready;
    } finally {
      await converted.part.discard();
    }
  };

  return async (row, part, received, signal) => {
    if (!(await markChecking(db, row, received, cause()))) throw superseded();
    onCommit();
    await passed("checking");
    await claimRoom(row, received.bytes);
    const file = await part.seal();
    await passed("sealed");
    const packing = part.path === undefined ? undefined : await packingOfFile(file);
    if (packing === undefined || part.path === undefined) return await judge(row, part, received, file, signal);
    const inner = await conversions.unpacked(row, { path: part.path, packing }, signal);
    try {
      const unpacked = await inner.seal();
      const size = { bytes: unpacked.length, sha256: await sha256Of(unpacked, signal) };
      await claimRoom(row, size.bytes);
      const ready = await judge(row, inner, size, unpacked, signal, packing);
      await part.discard?.();
      return ready;
    } finally {
      await inner.discard();
    }
  };
};

export const superseded = () =>
  new NanoError("cancelled", "The record was deleted meanwhile, or another ticket was asked for");
