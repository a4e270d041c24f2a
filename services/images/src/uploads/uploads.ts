/**
 * One upload from ticket to record. What may go wrong at each place, and what then is left: a record that says why, and nothing else.
 *
 *     ticket ─► claim ─► begin ─► reserve ─► receive ─► seal ─► inspect ─► publish + record
 *       401      409    (ticket     507      400 413                415     one critical section with
 *                        is used)            415 422                422     the deletion of blobs
 *
 * The claim is in memory: one process owns the store's directory. Everything else that matters is in the database before it is answered.
 */
import { type Clock, type ErrorBody, type Log, NanoError } from "@nano/contract";
import { isDiskFull } from "@nano/store";
import type { Kysely } from "kysely";
import type { BlobStore, Part } from "../blobs/blobs.ts";
import type { Format, FormatLimits } from "../formats/format.ts";
import { beginAttempt, type FileRow, findFile, type ImagesDatabase, type Kind, markFailed } from "../records/store.ts";
import type { UploadClaims } from "../tickets.ts";
import type { Finish, UploadStage } from "./finish.ts";
import { receive } from "./receive.ts";
import type { Space } from "./space.ts";

export interface UploadLimits extends FormatLimits {
  /** Largest file, in bytes. */
  readonly maxBytes: number;
  /** Uploads at the same time. */
  readonly maxUploads: number;
}

export interface UploadsOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  readonly space: Space;
  readonly finish: Finish;
  readonly formats: Readonly<Record<Kind, Format>>;
  readonly limits: UploadLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** A change was committed: its event waits in the outbox. */
  readonly onCommit: () => void;
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
  /** How many bytes have arrived, while it runs. */
  progressOf(id: string): number | undefined;
  /** Ends a running upload and waits until nothing of it is left. */
  cancel(id: string, reason: NanoError): Promise<void>;
  /** Ends all of them. */
  stop(): Promise<void>;
}

interface Running {
  readonly controller: AbortController;
  readonly ended: Promise<void>;
  bytes: number;
}

const progressMs = 1_000;

export const createUploads = (options: UploadsOptions): Uploads => {
  const { db, blobs, space, formats, limits, clock, log } = options;
  const passed = async (stage: UploadStage) => options.onStage?.(stage);
  const running = new Map<string, Running>();
  let stopping = false;
  const cause = () => ({ now: clock.now() });

  const fail = async (row: FileRow, attempt: number, error: NanoError) => {
    const body: ErrorBody = error.toBody();
    const failed = await markFailed(db, row.id, body, cause(), { attempt });
    if (failed) options.onCommit();
    log.info("An upload failed", { kind: row.kind, id: row.id, code: error.code, reason: error.message });
  };

  const take = async (
    row: FileRow,
    claims: UploadClaims,
    body: ReadableStream<Uint8Array> | null,
    request: UploadRequest,
    own: Running,
  ): Promise<FileRow> => {
    const expectedBytes = row.expected_bytes ?? undefined;
    let part: Part | undefined;
    try {
      const announced = await beginAttempt(db, row.kind, row.id, claims.attempt, cause());
      if (!announced) throw new NanoError("ticket-invalid", "This ticket was used already, or a newer one exists");
      await passed("begun");
      if (body === null) throw new NanoError("image-format-invalid", "The file is empty");
      const reservation = await space.reserve(request.exactly ?? expectedBytes ?? request.atMost);
      try {
        part = await blobs.begin(row.id);
        let told = clock.monotonic();
        const received = await receive(body, {
          format: formats[row.kind],
          limits,
          part,
          reservation,
          expected: { bytes: expectedBytes, sha256: row.expected_sha256 ?? undefined },
          signal: own.controller.signal,
          onProgress: (bytes) => {
            own.bytes = bytes;
            if (clock.monotonic() - told < progressMs) return;
            told = clock.monotonic();
            options.onProgress(row, bytes, request.exactly ?? expectedBytes);
          },
        });
        request.onReceived();
        await passed("received");
        return await options.finish(row, part, received, own.controller.signal);
      } finally {
        reservation.release();
      }
    } finally {
      await part?.discard();
    }
  };

  return {
    async accept(claims, body, request) {
      if (running.has(claims.id))
        throw new NanoError("upload-in-progress", "Another request is uploading this file right now");
      if (stopping || running.size >= limits.maxUploads)
        throw new NanoError("overloaded", `${running.size} uploads are running already`);
      const ended = Promise.withResolvers<void>();
      const own: Running = { controller: new AbortController(), ended: ended.promise, bytes: 0 };
      running.set(claims.id, own);
      let row: FileRow | undefined;
      try {
        row = await findFile(db, claims.kind, claims.id);
        if (!row) throw new NanoError(`${claims.kind}-not-found`, "The record of this upload was deleted");
        if (row.state === "ready")
          throw new NanoError("wrong-state", "The file is here already", {
            details: { state: row.state, allowed: ["delete"] },
          });
        if (row.state !== "uploading" || row.attempt !== claims.attempt || row.begun)
          throw new NanoError("ticket-invalid", "This ticket was used already, or a newer one exists");
        checkDeclared(request.exactly, row, limits);
        const ready = await take(row, claims, body, request, own);
        log.info("Stored a file", { kind: row.kind, id: row.id, bytes: ready.bytes, sha256: ready.sha256 });
        return ready;
      } catch (thrown) {
        const error = isDiskFull(thrown)
          ? new NanoError("disk-full", "The service's own database has no room to record the upload", { cause: thrown })
          : NanoError.from(thrown, "receiving an upload");
        if (error.code === "internal") log.error("Failed over an upload", { id: claims.id, error: thrown });
        if (row && !noFaultOfTheFile.has(error.code)) await fail(row, claims.attempt, error);
        throw error;
      } finally {
        running.delete(claims.id);
        ended.resolve();
      }
    },

    progressOf: (id) => running.get(id)?.bytes,

    async cancel(id, reason) {
      const own = running.get(id);
      own?.controller.abort(reason);
      await own?.ended;
    },

    async stop() {
      stopping = true;
      const all = [...running.values()];
      for (const { controller } of all)
        controller.abort(new NanoError("upload-incomplete", "The images service was stopped during the upload"));
      await Promise.all(all.map(({ ended }) => ended));
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
]);

/** What can be refused before a byte of the file was sent. */
const checkDeclared = (declared: number | undefined, row: FileRow, { maxBytes }: UploadLimits) => {
  if (declared === undefined) return;
  if (declared === 0) throw new NanoError("image-format-invalid", "The file is empty");
  if (declared > maxBytes)
    throw new NanoError("image-too-large", `The file has ${declared} bytes; ${maxBytes} are allowed`, {
      details: { bytes: declared, maxBytes },
    });
  const promised = row.expected_bytes;
  if (promised === null || declared === promised) return;
  throw new NanoError("invalid-input", `The request carries ${declared} bytes; ${promised} were promised`, {
    details: { bytes: declared, expectedBytes: promised, fields: [] },
  });
};
