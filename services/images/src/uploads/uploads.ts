/**
 * A whole file in one request, from ticket to record. What may go wrong at each place, and what then is left: a record
 * that says why, and nothing else.
 *
 *     ticket ─► claim ─► begin ─► reserve ─► receive ─► seal ─► inspect ─► publish + record
 *       401      409    (ticket     507      400 413                415     one critical section with
 *                        is used)            415 422                422     the deletion of blobs
 *
 * Everything that matters is in the database before it is answered. What arrived of a resumable upload is thrown away:
 * this one begins anew.
 */
import { type Clock, type Log, NanoError } from "@nano/contract";
import type { Kysely } from "kysely";
import type { BlobStore, Part } from "../blobs/blobs.ts";
import type { Format, FormatLimits } from "../formats/format.ts";
import { claim } from "../records/quota.ts";
import type { FileRow, ImagesDatabase } from "../records/store.ts";
import type { UploadClaims } from "../tickets.ts";
import { type Attempts, alreadyHere, checkSize, uploadError, usedTicket } from "./attempts.ts";
import type { Finish, UploadStage } from "./finish.ts";
import { receive } from "./receive.ts";
import { beginAttempt } from "./rows.ts";
import type { Run, Running } from "./running.ts";
import type { Space } from "./space.ts";
import type { Waiting } from "./waiting.ts";

export interface UploadLimits extends FormatLimits {
  /** Largest file, in bytes. */
  readonly maxBytes: number;
  /** What one person may store, in bytes; undefined: no limit. */
  readonly quotaBytes: number | undefined;
}

export interface UploadsOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  readonly space: Space;
  readonly running: Running;
  readonly waiting: Waiting;
  readonly attempts: Attempts;
  readonly finish: Finish;
  readonly formatOf: (row: FileRow) => Format;
  readonly limits: UploadLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when an upload has passed a stage. */
  readonly onStage?: ((stage: UploadStage) => Promise<void> | void) | undefined;
  /** How far an upload is; at most once a second for each. */
  readonly onProgress: (row: FileRow, bytes: number, total: number | undefined) => void;
}

export interface UploadRequest {
  /** `Content-Length` in bytes, if it was given and the request's body is the file … */
  readonly exactly?: number | undefined;
  /** … or contains it. */
  readonly atMost?: number | undefined;
  /** The service fetches the file itself: how many of them at once, it has seen to before. */
  readonly fetched?: boolean;
  /** The last byte has come; what follows may take a while without a sign of life. */
  readonly onReceived: () => void;
}

export interface Uploads {
  /**
   * Takes a file for the record that the ticket names.
   * @returns the ready record
   * @throws NanoError when it is refused; the record says so, too, if the ticket was valid and its upload not running already
   */
  accept(claims: UploadClaims, body: ReadableStream<Uint8Array> | null, request: UploadRequest): Promise<FileRow>;
}

/** How often is told how far an upload is, in milliseconds. */
export const progressMs = 1_000;

export const createUploads = (options: UploadsOptions): Uploads => {
  const { db, blobs, space, running, waiting, attempts, limits, clock, log } = options;
  const passed = async (stage: UploadStage) => options.onStage?.(stage);

  const take = async (
    row: FileRow,
    body: ReadableStream<Uint8Array> | null,
    request: UploadRequest,
    run: Run,
  ): Promise<FileRow> => {
    const expectedBytes = row.expected_bytes ?? undefined;
    let part: Part | undefined;
    try {
      const announced = await beginAttempt(db, row, { now: clock.now() });
      if (!announced) throw usedTicket();
      if (row.part !== null) await waiting.remove(row.part);
      const promised = request.exactly ?? expectedBytes ?? 0;
      await db.transaction().execute((trx) => claim(trx, row, promised, limits.quotaBytes));
      await passed("begun");
      if (body === null) throw new NanoError("image-format-invalid", "The file is empty");
      const reservation = await space.reserve(request.exactly ?? expectedBytes ?? request.atMost);
      try {
        part = await blobs.begin(row.id);
        let told = clock.monotonic();
        const received = await receive(body, {
          format: options.formatOf(row),
          limits,
          part,
          reservation,
          expected: { bytes: expectedBytes, sha256: row.expected_sha256 ?? undefined },
          signal: run.signal,
          onProgress: (bytes) => {
            run.arrived(bytes);
            if (clock.monotonic() - told < progressMs) return;
            told = clock.monotonic();
            options.onProgress(row, bytes, request.exactly ?? expectedBytes);
          },
        });
        request.onReceived();
        await passed("received");
        return await options.finish(row, part, received, run.signal);
      } finally {
        reservation.release();
      }
    } finally {
      await part?.discard();
    }
  };

  return {
    async accept(claims, body, request) {
      const run = running.claim(claims.id, { yields: false });
      let row: FileRow | undefined;
      try {
        row = await attempts.open(claims);
        if (row.state === "ready") throw alreadyHere(row);
        if (row.state !== "uploading" || (row.begun && row.part === null)) throw usedTicket();
        checkDeclared(request.exactly, row, limits);
        if (!request.fetched) run.admit(row.owner);
        const ready = await take(row, body, request, run);
        log.info("Stored a file", { kind: row.kind, id: row.id, bytes: ready.bytes, sha256: ready.sha256 });
        return ready;
      } catch (thrown) {
        const error = uploadError(thrown);
        if (error.code === "internal") log.error("Failed over an upload", { id: claims.id, error: thrown });
        throw row && !noFaultOfTheFile.has(error.code) ? await attempts.fail(row, error) : error;
      } finally {
        run.end();
      }
    },
  };
};

/** These refuse the request, and leave the record as it is. */
const noFaultOfTheFile: ReadonlySet<string> = new Set([
  "ticket-invalid",
  "wrong-state",
  "image-not-found",
  "media-not-found",
  "cancelled",
  "overloaded",
]);

/** What can be refused before a byte of the file was sent. */
const checkDeclared = (declared: number | undefined, row: FileRow, { maxBytes }: UploadLimits) => {
  if (declared === undefined) return;
  checkSize(declared, maxBytes);
  const promised = row.expected_bytes;
  if (promised === null || declared === promised) return;
  throw new NanoError("invalid-input", `The request carries ${declared} bytes; ${promised} were promised`, {
    details: { bytes: declared, expectedBytes: promised, fields: [] },
  });
};
