/**
 * Reads what is stored again, from time to time and whenever a file was touched, and compares it with its checksum:
 * disks lose bits, and files get edited. What is not what it should be is not served any more, and its record says so.
 *
 * Theory. A blob is written once. So long as the time of its last change is the one seen when its bytes were verified
 * last, it is trusted; otherwise it is verified before it is served. Changes that leave no such trace are found when it
 * is that blob's turn.
 */
import { type Clock, type Log, NanoError, type Sha256 } from "@nano/contract";
import type { Kysely } from "kysely";
import { asStream, type BlobStore, type StoredBlob } from "./blobs/blobs.ts";
import { asSha256 } from "./blobs/sha256.ts";
import { findCheck, forgetChecks, noteChecked } from "./records/checks.ts";
import { type ImagesDatabase, listReady, markFailed } from "./records/store.ts";
import { deleteRenditionsOfFile, listRenditions } from "./renditions/store.ts";

export interface ScrubOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Each blob is read again after so many milliseconds at the latest … */
  readonly scrubMs: number;
  /** … at so many bytes a second, so that those who work are not disturbed. */
  readonly scrubBytesPerSecond: number;
  readonly onCommit: () => void;
}

export interface Scrub {
  /** The blob's bytes were verified just now. */
  trust(sha256: Sha256): Promise<void>;
  /** Whether it is as it was when it was verified. If not, it is verified soon. */
  isTrusted(blob: StoredBlob): Promise<boolean>;
  /** Verifies everything that is due. One at a time. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

export const createScrub = (options: ScrubOptions): Scrub => {
  const { db, blobs, clock, log, scrubMs, scrubBytesPerSecond, onCommit } = options;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  const hashOf = async (sha256: Sha256): Promise<string> => {
    const hasher = new Bun.CryptoHasher("sha256");
    const begun = clock.monotonic();
    let bytes = 0;
    for await (const piece of asStream(blobs.body(sha256))) {
      stopping.signal.throwIfAborted();
      hasher.update(piece);
      bytes += piece.length;
      const ahead = (bytes / scrubBytesPerSecond) * 1000 - (clock.monotonic() - begun);
      if (ahead > 20) await Bun.sleep(ahead);
    }
    return hasher.digest("hex");
  };

  const condemn = async (sha256: Sha256): Promise<void> => {
    const cause = { now: clock.now() };
    for (const { image, format } of await deleteRenditionsOfFile(db, sha256, cause))
      log.warn("An image's file in another format is damaged", { image, format, sha256 });
    for (const row of await listReady(db)) {
      if (row.sha256 !== sha256) continue;
      const error = new NanoError(
        "image-damaged",
        `The stored file of '${row.name}' does not have its checksum any more`,
      );
      await markFailed(db, row.id, error.toBody(), cause, { lost: true });
      log.warn("A stored file is damaged", { kind: row.kind, id: row.id, sha256 });
    }
    onCommit();
  };

  const verify = async (blob: StoredBlob): Promise<void> => {
    if ((await hashOf(blob.sha256)) !== blob.sha256) return condemn(blob.sha256);
    // What is written to it meanwhile has another time, and is looked at the next time.
    await noteChecked(db, blob, clock.now());
  };

  const isDue = async (blob: StoredBlob): Promise<boolean> => {
    const check = await findCheck(db, blob.sha256);
    return (
      !check ||
      Number(check.modified_at) !== Math.floor(blob.modifiedAt) ||
      clock.now() - Number(check.checked_at) > scrubMs
    );
  };

  const look = async (): Promise<void> => {
    // Not at the end: without its check, one that was condemned just now would pass for trusted with whoever has read
    // its record already.
    await forgetChecks(db);
    const rows = [...(await listReady(db)), ...(await listRenditions(db))];
    for (const sha256 of new Set(rows.map((row) => row.sha256))) {
      const blob = sha256 === null ? undefined : await blobs.find(asSha256(sha256));
      if (blob && (await isDue(blob))) await verify(blob);
    }
  };

  const run = (): Promise<void> => {
    running ??= look()
      .catch((error) => {
        if (!stopping.signal.aborted) log.error("Could not verify the stored files", { error });
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };

  return {
    async trust(sha256) {
      const blob = await blobs.find(sha256);
      if (blob) await noteChecked(db, blob, clock.now());
    },
    async isTrusted(blob) {
      const check = await findCheck(db, blob.sha256);
      // One without a check was published in the moment of a crash, or before there were checks: it is due, and no more
      // suspect than others.
      if (!check || Number(check.modified_at) === Math.floor(blob.modifiedAt)) return true;
      void run();
      return false;
    },
    run,
    async stop() {
      stopping.abort(new Error("The service stops"));
      await running;
    },
  };
};
