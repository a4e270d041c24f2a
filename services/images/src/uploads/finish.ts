/**
 * From a file that has arrived whole to a record that is ready: however it came, it ends here.
 *
 *     seal ─► inspect ─► publish + record
 *                415     one critical section with the deletion of blobs
 *                422
 */
import { type Clock, NanoError, type Sha256 } from "@nano/contract";
import type { Kysely } from "kysely";
import type { BlobStore, Part } from "../blobs/blobs.ts";
import type { Format, FormatLimits } from "../formats/format.ts";
import type { Mutex } from "../mutex.ts";
import { claim } from "../records/quota.ts";
import { type FileRow, type ImagesDatabase, isReferred, type Kind, markChecking, markReady } from "../records/store.ts";
import type { Received } from "./receive.ts";

/** The places between which a file on its way changes what is stored. Tests kill the process at each. */
export const uploadStages = ["begun", "received", "checking", "sealed", "inspected", "published", "recorded"] as const;
export type UploadStage = (typeof uploadStages)[number];

export interface FinishOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  /** Held while a blob is published or removed together with its record. */
  readonly blobMutex: Mutex;
  readonly formats: Readonly<Record<Kind, Format>>;
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
export type Arrived = Pick<Part, "seal" | "publish">;

/**
 * Judges the file and publishes it with its record. The part stays the caller's, to discard.
 * @returns the ready record
 * @throws NanoError what the format's inspection says, `cancelled` when the record was deleted or another attempt was begun
 */
export type Finish = (row: FileRow, part: Arrived, received: Received, signal: AbortSignal) => Promise<FileRow>;

export const createFinish = (options: FinishOptions): Finish => {
  const { db, blobs, blobMutex, formats, limits, clock, onCommit } = options;
  const cause = () => ({ now: clock.now() });
  const passed = async (stage: UploadStage) => options.onStage?.(stage);

  const removeIfOrphan = async (sha256: Received["sha256"]) => {
    if (!(await isReferred(db, sha256))) await blobs.remove(sha256);
  };

  return async (row, part, received, signal) => {
    if (!(await markChecking(db, row, received, cause()))) throw superseded();
    onCommit();
    await passed("checking");
    await db.transaction().execute((trx) => claim(trx, row, received.bytes, limits.quotaBytes));
    const file = await part.seal();
    await passed("sealed");
    const facts = await formats[row.kind].inspect(file, limits);
    await passed("inspected");
    return await blobMutex.run(async () => {
      signal.throwIfAborted();
      await part.publish(received.sha256);
      await options.trust(received.sha256);
      await passed("published");
      const ready = await markReady(db, row, { ...received, facts }, cause()).catch(async (error) => {
        await removeIfOrphan(received.sha256);
        throw error;
      });
      if (!ready) {
        await removeIfOrphan(received.sha256);
        throw superseded();
      }
      await passed("recorded");
      onCommit();
      return ready;
    });
  };
};

export const superseded = () =>
  new NanoError("cancelled", "The record was deleted meanwhile, or another ticket was asked for");
