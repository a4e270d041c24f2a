/** What uploads keep in the records: from a ticket to a file that is ready. */
import type { DiskFormat, Sha256 } from "@nano/contract";
import type { Queryable } from "@nano/store";
import type { Kysely } from "kysely";
import type { Facts } from "../formats/format.ts";
import type { PackingName } from "../formats/packed.ts";
import { type Cause, changeFile, type FileRow, type ImagesDatabase, withoutPart } from "../records/store.ts";

type Attempt = Pick<FileRow, "id" | "attempt">;

/** A new ticket for what is not ready: the next attempt. */
export const renewAttempt = (db: Kysely<ImagesDatabase>, row: FileRow, ticketUntil: number, cause: Cause) =>
  changeFile(
    db,
    { id: row.id, states: ["uploading", "failed"], attempt: row.attempt },
    { state: "uploading", error: null, bytes: 0, attempt: row.attempt + 1, begun: 0, ticket_until: ticketUntil },
    cause,
  );

/**
 * The first byte is there: the ticket is used up, and what arrived of a resumable upload is given up. Returns undefined
 * if it was used already, or is not the newest.
 */
export const beginAttempt = (db: Kysely<ImagesDatabase>, { id, attempt }: Attempt, cause: Cause) =>
  db
    .updateTable("file")
    .set((e) => ({ begun: 1, modified_at: cause.now, revision: e("revision", "+", 1), ...withoutPart, bytes: 0 }))
    .where("id", "=", id)
    .where("attempt", "=", attempt)
    .where("state", "=", "uploading")
    .where((e) => e.or([e("begun", "=", 0), e("part", "is not", null)]))
    .returningAll()
    .executeTakeFirst();

/** The first byte of a resumable upload is there. Returns undefined if someone was faster. */
export const beginPart = (db: Kysely<ImagesDatabase>, { id, attempt }: Attempt, part: string, until: number) =>
  db
    .updateTable("file")
    .set({ begun: 1, part, bytes: 0, ticket_until: until })
    .where("id", "=", id)
    .where("attempt", "=", attempt)
    .where("state", "=", "uploading")
    .where("begun", "=", 0)
    .returningAll()
    .executeTakeFirst();

/**
 * More of it is safe on the disk. No revision and no event: that is told while it goes on, and nobody edits by it.
 * Returns undefined if the upload was given up meanwhile.
 */
export const savePart = (
  db: Kysely<ImagesDatabase>,
  { id, part }: Pick<FileRow, "id" | "part">,
  bytes: number,
  until: number,
) =>
  db
    .updateTable("file")
    .set({ bytes, ticket_until: until })
    .where("id", "=", id)
    .where("state", "=", "uploading")
    .where("part", "=", part)
    .returningAll()
    .executeTakeFirst();

/** A resumable upload says how long the file is, if nobody did before. */
export const announceLength = (db: Kysely<ImagesDatabase>, { id, attempt }: Attempt, bytes: number) =>
  db
    .updateTable("file")
    .set({ expected_bytes: bytes })
    .where("id", "=", id)
    .where("attempt", "=", attempt)
    .where("state", "=", "uploading")
    .where("expected_bytes", "is", null)
    .returningAll()
    .executeTakeFirst();

/** A new ticket for an upload that has begun: what arrived stays. */
export const extendPart = (db: Kysely<ImagesDatabase>, { id, part }: Pick<FileRow, "id" | "part">, until: number) =>
  db
    .updateTable("file")
    .set({ ticket_until: until })
    .where("id", "=", id)
    .where("part", "=", part)
    .where("state", "=", "uploading")
    .returningAll()
    .executeTakeFirst();

/** Uploads that wait for the rest of their file, or whose whole file waits to be checked. */
export const listParts = (db: Queryable<ImagesDatabase>): Promise<FileRow[]> =>
  db.selectFrom("file").selectAll().where("part", "is not", null).execute();

/** All of the file is here. One that an earlier life of the service was checking may be checked again. */
export const markChecking = (
  db: Kysely<ImagesDatabase>,
  { id, attempt }: Attempt,
  { bytes, sha256 }: { bytes: number; sha256: Sha256 },
  cause: Cause,
) =>
  changeFile(
    db,
    { id, states: ["uploading", "checking"], attempt },
    { state: "checking", bytes, part_sha256: sha256 },
    cause,
  );

/** A file as it is stored: not always as it came. */
export interface Stored {
  readonly sha256: Sha256;
  readonly bytes: number;
  readonly facts: Facts;
  readonly convertedFrom?: DiskFormat;
  readonly unpackedFrom?: PackingName;
}

export const markReady = (
  db: Kysely<ImagesDatabase>,
  { id, attempt }: Pick<FileRow, "id" | "attempt">,
  file: Stored,
  cause: Cause,
) =>
  changeFile(
    db,
    { id, states: ["checking"], attempt },
    {
      state: "ready",
      error: null,
      bytes: file.bytes,
      claimed_bytes: file.bytes,
      sha256: file.sha256,
      ...withoutPart,
      virtual_bytes: file.facts.virtualBytes ?? null,
      volume_label: file.facts.volumeLabel ?? null,
      converted_from: file.convertedFrom ?? null,
      unpacked_from: file.unpackedFrom ?? null,
      forget_refused: 0,
    },
    cause,
  );

/**
 * Records of uploads that were begun and have not ended, and of those that nobody began, or went on with, in time.
 * Those that wait for the rest of their file are not among them.
 */
export const listUnended = (db: Queryable<ImagesDatabase>, now: number): Promise<FileRow[]> =>
  db
    .selectFrom("file")
    .selectAll()
    .where((e) =>
      e.or([
        e("state", "=", "checking"),
        e.and([
          e("state", "=", "uploading"),
          e.or([e.and([e("begun", "=", 1), e("part", "is", null)]), e("ticket_until", "<=", now)]),
        ]),
      ]),
    )
    .execute();
