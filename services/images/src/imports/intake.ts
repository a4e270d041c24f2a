/**
 * Files that the service fetches itself, from a URL or a directory: a few at a time, the others wait, and nobody has
 * more than half of the places. They go through the same door as an upload.
 */
import { bodyForPeople, type Clock, type Log, NanoError } from "@nano/contract";
import type { Kysely } from "kysely";
import { type FileRow, findFile, type ImagesDatabase, markFailed } from "../records/store.ts";
import { createTurns } from "../turns.ts";
import type { Uploads } from "../uploads/uploads.ts";
import type { Download } from "./download.ts";
import { expectBytes } from "./rows.ts";

export interface IntakeOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly uploads: Uploads;
  readonly clock: Clock;
  readonly log: Log;
  readonly onCommit: () => void;
  /** At the same time. */
  readonly atMost: number;
}

export interface Job {
  readonly row: FileRow;
  open(signal: AbortSignal): Promise<Download>;
  /** It ended, well (with the record) or not; not called when the service stops in the middle. */
  ended(outcome: { readonly ready: FileRow } | { readonly error: NanoError }): Promise<void>;
}

export interface Intake {
  /** Queues it; never throws: what goes wrong is in the record. */
  take(job: Job): void;
  /** Its record is being deleted: ends it where it has not come to be an upload yet. */
  cancel(id: string, reason: NanoError): void;
  stop(): Promise<void>;
}

export const createIntake = ({ db, uploads, clock, log, onCommit, atMost }: IntakeOptions): Intake => {
  const turns = createTurns(atMost);
  const working = new Set<Promise<void>>();
  const cancelling = new Map<string, AbortController>();
  const stopping = new AbortController();

  const fail = async (row: FileRow, error: NanoError): Promise<void> => {
    if (await markFailed(db, row.id, bodyForPeople(error), { now: clock.now() }, { attempt: row.attempt })) onCommit();
    log.info("A file could not be fetched", {
      kind: row.kind,
      id: row.id,
      code: error.code,
      reason: error.message,
      details: error.details,
      error: error.cause,
    });
  };

  const work = async ({ row, open, ended }: Job): Promise<void> => {
    const cancel = new AbortController();
    cancelling.set(row.id, cancel);
    const signal = AbortSignal.any([stopping.signal, cancel.signal]);
    try {
      await using _turn = await turns.take(signal, row.owner);
      if (!(await findFile(db, row.kind, row.id))) throw new NanoError("cancelled", "The record was deleted");
      const { bytes, body } = await open(signal);
      if (bytes !== undefined) await expectBytes(db, row, bytes);
      const claims = { purpose: "upload", ...pick(row), expiresAt: Number.MAX_SAFE_INTEGER } as const;
      const ready = await uploads.accept(claims, body, { exactly: bytes, fetched: true, onReceived: () => {} });
      await ended({ ready });
    } catch (thrown) {
      if (stopping.signal.aborted) return;
      const error = NanoError.from(thrown, "fetching a file");
      if (error.code === "internal") log.error("Failed over a file", { id: row.id, error: thrown });
      await fail(row, error);
      await ended({ error });
    } finally {
      if (cancelling.get(row.id) === cancel) cancelling.delete(row.id);
    }
  };

  return {
    take(job) {
      const done: Promise<void> = work(job)
        .catch((error) => log.error("Could not record what became of a file", { id: job.row.id, error }))
        .finally(() => working.delete(done));
      working.add(done);
    },
    cancel: (id, reason) => cancelling.get(id)?.abort(reason),
    async stop() {
      stopping.abort(new NanoError("unavailable", "The images service stops"));
      await Promise.all(working);
    },
  };
};

const pick = ({ kind, id, attempt }: FileRow) => ({ kind, id, attempt });
