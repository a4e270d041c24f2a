/** What every way to upload asks of the record that its ticket names, and says there when it fails. */
import { bodyForPeople, type Clock, type Log, NanoError } from "@nano/contract";
import { isDiskFull } from "@nano/store";
import type { Kysely } from "kysely";
import { deleteFile, type FileRow, findFile, type ImagesDatabase, markFailed } from "../records/store.ts";
import type { UploadClaims } from "../tickets.ts";
import type { Waiting } from "./waiting.ts";

export interface Attempts {
  /**
   * The record of a ticket that is valid. One that has begun a resumable upload stays so while what arrived is kept.
   * @throws NanoError `ticket-invalid`, `image-not-found`, `media-not-found`
   */
  open(claims: UploadClaims): Promise<FileRow>;
  /**
   * The record says why, and nothing of the file is kept; or the record goes, where that was asked for and this is its
   * first file.
   * @returns what the client is told
   */
  fail(row: FileRow, error: NanoError): Promise<NanoError>;
}

export interface AttemptsOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly waiting: Waiting;
  readonly clock: Clock;
  readonly log: Log;
  /** A change was committed: its event waits in the outbox. */
  readonly onCommit: () => void;
}

export const createAttempts = ({ db, waiting, clock, log, onCommit }: AttemptsOptions): Attempts => ({
  async open(claims) {
    const row = await findFile(db, claims.kind, claims.id);
    const expired = claims.expiresAt <= clock.now();
    const kept = row !== undefined && row.part !== null && Number(row.ticket_until) > clock.now();
    if (expired && !kept) throw new NanoError("ticket-invalid", "This ticket does not allow this upload");
    if (!row) throw new NanoError(`${claims.kind}-not-found`, "The record of this upload was deleted");
    if (row.attempt !== claims.attempt) throw usedTicket();
    return row;
  },

  async fail(row, error) {
    // First of all room: on a full disk the record could not even say so.
    if (row.part !== null) await waiting.remove(row.part);
    log.info("An upload failed", {
      kind: row.kind,
      id: row.id,
      code: error.code,
      reason: error.message,
      details: error.details,
      error: error.cause,
    });
    if (row.forget_refused === 1 && ofTheContent.has(error.code)) {
      const forgotten = await deleteFile(db, row.kind, row.id, undefined, { now: clock.now(), actor: row.owner });
      if (forgotten) onCommit();
      return new NanoError(error.code, error.message, {
        remedy: error.remedy,
        details: { ...error.details, forgotten: true },
        cause: error,
      });
    }
    const failed = await markFailed(db, row.id, bodyForPeople(error), { now: clock.now() }, { attempt: row.attempt });
    if (failed) onCommit();
    return error;
  },
});

/** What is sent is not what it should be: sending it again would not help. */
const ofTheContent: ReadonlySet<string> = new Set([
  "image-format-invalid",
  "image-unsafe",
  "image-too-large",
  "checksum-mismatch",
]);

export const usedTicket = () => new NanoError("ticket-invalid", "This ticket was used already, or a newer one exists");

export const alreadyHere = (row: FileRow) =>
  new NanoError("wrong-state", "The file is here already", { details: { state: row.state, allowed: ["delete"] } });

/** What was thrown while a file came, as the client and the record are told. */
export const uploadError = (thrown: unknown): NanoError =>
  isDiskFull(thrown)
    ? new NanoError("disk-full", "The service's own database has no room to record the upload", { cause: thrown })
    : NanoError.from(thrown, "receiving an upload");

/** @throws NanoError what can be refused before a byte of the file was sent: the size of the whole file */
export const checkSize = (bytes: number, maxBytes: number): void => {
  if (bytes === 0) throw new NanoError("image-format-invalid", "The file is empty");
  if (bytes > maxBytes)
    throw new NanoError("image-too-large", `The file has ${bytes} bytes; ${maxBytes} are allowed`, {
      details: { bytes, maxBytes },
    });
};
