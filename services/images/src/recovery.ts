/**
 * Puts the database and the disk back in step: at the start, after whatever ended the life before, and every few
 * minutes.
 *
 * | found                                   | then                                                             |
 * |-----------------------------------------|------------------------------------------------------------------|
 * | `.part` file of no upload (at the start)| removed: nobody writes to it any more                            |
 * | resumable upload with its part          | waits for the rest; checked and stored if all of it is there     |
 * | resumable upload without                | `failed`, `image-damaged`                                        |
 * | record begun, and no upload of it runs  | `failed`, `upload-incomplete`                                    |
 * | record that nobody began, or went on    | `failed`, `upload-incomplete`; its part is removed               |
 * | with, in time                           |                                                                  |
 * | blob that no record refers to           | removed when it is older than the grace time                     |
 * | ready record whose blob is not there    | `failed`, `image-damaged`                                        |
 * | rendition that is not used any more     | removed, with its blob                                           |
 */
import { type Clock, type Log, NanoError } from "@nano/contract";
import type { Kysely } from "kysely";
import type { BlobStore } from "./blobs/blobs.ts";
import { asSha256 } from "./blobs/sha256.ts";
import type { Mutex } from "./mutex.ts";
import { damagedFile } from "./records/records.ts";
import { type ImagesDatabase, isReferred, lengthOf, listReady, markFailed } from "./records/store.ts";
import type { Renditions } from "./renditions/renditions.ts";
import type { Attempts } from "./uploads/attempts.ts";
import { lost } from "./uploads/pieces.ts";
import type { Resumable } from "./uploads/resumable.ts";
import { listParts, listUnended } from "./uploads/rows.ts";

export interface RecoveryOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  readonly blobMutex: Mutex;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds that a blob may lie there without a record. */
  readonly graceMs: number;
  /** Whether an upload of this record runs in this process. */
  readonly isRunning: (id: string) => boolean;
  readonly attempts: Attempts;
  readonly renditions: Pick<Renditions, "collect">;
  readonly onCommit: () => void;
}

/**
 * Before {@link reconcile}, at the start: resumable uploads of an earlier life go on. Those that are complete are
 * checked beside the rest.
 */
export const resumeUploads = async (options: {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  readonly attempts: Attempts;
  readonly resumable: Resumable;
  readonly log: Log;
}): Promise<void> => {
  const { db, blobs, attempts, resumable, log } = options;
  for (const row of await listParts(db)) {
    if (row.state === "checking" || Number(row.bytes) === lengthOf(row)) {
      resumable.complete(row).catch((error) => log.error("Could not check a file", { id: row.id, error }));
      continue;
    }
    const part = await blobs.reopen(row.part ?? "", Number(row.bytes));
    if (part) await part.close();
    else await attempts.fail(row, lost(row));
  }
};

/** @param atStart nothing of this life runs yet: half-received files are an earlier one's */
export const reconcile = async (options: RecoveryOptions, { atStart }: { atStart: boolean }): Promise<void> => {
  const { db, blobs, clock, log, onCommit } = options;
  const cause = { now: clock.now() };

  if (atStart) {
    const waiting = (await listParts(db)).flatMap(({ part }) => part ?? []);
    const parts = await blobs.removeParts(new Set(waiting));
    if (parts > 0) log.info("Removed half-received files", { count: parts });
  }

  for (const row of await listUnended(db, cause.now)) {
    if (options.isRunning(row.id)) continue;
    const error =
      row.part !== null
        ? new NanoError("upload-incomplete", "Nobody sent the rest of the file in time")
        : row.begun
          ? new NanoError("upload-incomplete", "The images service ended during the upload")
          : new NanoError("upload-incomplete", "Nobody sent the file before the ticket expired");
    await options.attempts.fail(row, error);
  }

  // In this order: what becomes ready after the look at the records is not missed among the files.
  const ready = await listReady(db);
  const there = new Map<string, number>();
  for await (const blob of blobs.list()) {
    there.set(blob.sha256, blob.bytes);
    if (clock.now() - blob.modifiedAt < options.graceMs) continue;
    await options.blobMutex.run(async () => {
      if (await isReferred(db, blob.sha256)) return;
      await blobs.remove(blob.sha256);
      log.info("Removed a file that no record refers to", { sha256: blob.sha256, bytes: blob.bytes });
    });
  }

  for (const row of ready) {
    if (row.sha256 !== null && there.get(row.sha256) === Number(row.bytes)) continue;
    const blob = row.sha256 === null ? undefined : await blobs.find(asSha256(row.sha256));
    if (blob?.bytes === Number(row.bytes)) continue;
    const error = damagedFile(row.name, blob?.bytes);
    await markFailed(db, row.id, error.toBody(), cause, { lost: true });
    log.warn("A stored file is missing or damaged", { kind: row.kind, id: row.id, reason: error.message });
  }
  await options.renditions.collect();
  onCommit();
};
