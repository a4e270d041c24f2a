/**
 * A file that comes in pieces, over many connections: what has arrived waits for the rest, also through a crash of this
 * service.
 *
 *     ticket ─► claim ─► offset ─► reserve ─► part ─► receive ─► sync + record ──► more to come: it waits
 *       401 423 409 507 │ └ once a second, too └─► complete: checked and published like any other └ 413 415 422: the
 *       record has failed, and nothing is kept
 *
 * What a client is told has arrived is on the disk: the record's `bytes` are written after the part's sync, and what a
 * crash leaves in the part behind them is cut off. The running SHA-256 is kept in memory; after a restart it is
 * computed from the part when all is there.
 *
 * A waiting upload has no room reserved for the rest: what it has written is on the disk and counted there, and who
 * goes on is told `disk-full` before a byte is taken, which costs nothing of what arrived. A disk that becomes full
 * under it ends it, to give the room back.
 */
import { type Clock, type Log, NanoError, type Sha256 } from "@nano/contract";
import type { Kysely } from "kysely";
import { asStream, type BlobStore, type Part } from "../blobs/blobs.ts";
import { asSha256 } from "../blobs/sha256.ts";
import type { Format } from "../formats/format.ts";
import { claim } from "../records/quota.ts";
import { type FileRow, type ImagesDatabase, lengthOf } from "../records/store.ts";
import type { UploadClaims } from "../tickets.ts";
import { type Attempts, alreadyHere, checkSize, uploadError, usedTicket } from "./attempts.ts";
import { type Arrived, type Finish, superseded, type UploadStage } from "./finish.ts";
import {
  type Append,
  BodyDamaged,
  checkBody,
  checkOffset,
  lost,
  statusOf,
  UploadGone,
  type UploadStatus,
} from "./pieces.ts";
import { createReceiver, type Received } from "./receive.ts";
import { announceLength, beginPart, savePart } from "./rows.ts";
import type { Run, Running } from "./running.ts";
import type { Reservation, Space } from "./space.ts";
import { progressMs, type UploadLimits } from "./uploads.ts";
import type { Waiting } from "./waiting.ts";

export interface ResumableOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  readonly space: Space;
  readonly running: Running;
  readonly waiting: Waiting;
  readonly attempts: Attempts;
  readonly finish: Finish;
  readonly formatOf: (row: FileRow) => Format;
  readonly limits: UploadLimits & {
    /** How long what arrived waits for the rest, in milliseconds since the last byte. */
    readonly waitMs: number;
  };
  readonly clock: Clock;
  readonly log: Log;
  readonly onStage?: ((stage: UploadStage) => Promise<void> | void) | undefined;
  /** How far an upload is; at most once a second for each, and when it begins to wait. */
  readonly onProgress: (row: FileRow, bytes: number, total: number | undefined) => void;
}

export interface Resumable {
  /** @throws NanoError `upload-in-progress` while another request writes; {@link UploadGone} */
  status(claims: UploadClaims): Promise<UploadStatus>;
  /**
   * Says how long the file will be. @throws NanoError `invalid-input` when something else was promised, `disk-full`,
   * `image-too-large`
   */
  announce(claims: UploadClaims, length: number): Promise<UploadStatus>;
  /**
   * Takes more of the file. With its last byte it is checked and stored before this returns.
   * @throws NanoError `overloaded`; `upload-offset` when it does not begin where the last one ended, and what a whole
   *   upload is refused for; {@link BodyDamaged}
   */
  append(claims: UploadClaims, append: Append): Promise<UploadStatus>;
  /** Throws away what arrived; the record says that the upload was cancelled. */
  terminate(claims: UploadClaims): Promise<void>;
  /**
   * Checks and stores a file of which all had arrived, or was being checked, when an earlier life of the service ended.
   */
  complete(row: FileRow): Promise<void>;
}

/**
 * These say something about the file, or about the disk that it fills: going on is no use. Anything else leaves what
 * arrived as it is.
 */
const endsTheUpload: ReadonlySet<string> = new Set([
  "image-format-invalid",
  "image-unsafe",
  "image-too-large",
  "image-damaged",
  "quota-exceeded",
  "disk-full",
]);

export const createResumable = (options: ResumableOptions): Resumable => {
  const { db, blobs, space, running, waiting, attempts, limits, clock, log } = options;
  const passed = async (stage: UploadStage) => options.onStage?.(stage);
  const until = () => clock.now() + limits.waitMs;

  const open = async (claims: UploadClaims): Promise<FileRow> => {
    const row = await attempts.open(claims);
    if (row.state === "failed")
      throw new UploadGone("wrong-state", `The upload of '${row.name}' has failed`, {
        details: { state: row.state, allowed: ["upload", "delete"] },
        remedy: "Get a new ticket, and begin anew.",
      });
    if (row.state === "uploading" && row.begun && row.part === null) throw usedTicket();
    return row;
  };

  const withLength = async (row: FileRow, length: number | undefined): Promise<FileRow> => {
    const promised = lengthOf(row);
    if (length === undefined || length === promised) return row;
    checkSize(length, limits.maxBytes);
    if (promised !== undefined || length < Number(row.bytes))
      throw new NanoError(
        "invalid-input",
        promised === undefined
          ? `The file has ${length} bytes, but ${row.bytes} of it have arrived`
          : `The file has ${length} bytes; ${promised} were promised`,
        { details: { bytes: length, expectedBytes: promised, fields: [] } },
      );
    await space.check(length - Number(row.bytes));
    await db.transaction().execute((trx) => claim(trx, row, length, limits.quotaBytes));
    const announced = await announceLength(db, row, length);
    if (!announced) throw usedTicket();
    return announced;
  };

  /** The part that waits, or a new one; and the record that says which. */
  const openPart = async (row: FileRow): Promise<{ row: FileRow; part: Part }> => {
    if (row.part !== null) {
      const part = await blobs.reopen(row.part, Number(row.bytes));
      if (part) return { row, part };
      throw lost(row);
    }
    const part = await blobs.begin(row.id);
    const begun = await beginPart(db, row, part.name, until());
    if (begun) return { row: begun, part };
    await part.discard();
    throw usedTicket();
  };

  const receiverOf = (
    row: FileRow,
    part: Part,
    reservation: Reservation,
    run: Run,
    onProgress: (bytes: number) => void,
  ) => {
    const before = waiting.before(part.name, Number(row.bytes));
    return createReceiver({
      format: options.formatOf(row),
      limits,
      part,
      reservation,
      expected: { bytes: lengthOf(row), sha256: row.expected_sha256 ?? undefined },
      signal: run.signal,
      onProgress,
      ...(before ? { before } : {}),
    });
  };

  /** Takes the body. @returns the record as it is then, and the file if that was the last of it */
  const fill = async (row: FileRow, part: Part, append: Append, reservation: Reservation, run: Run) => {
    const { body, checksum } = append;
    const from = Number(row.bytes);
    let told = clock.monotonic();
    let saving = Promise.resolve();
    const record = async (bytes: number): Promise<FileRow> => {
      const saved = await savePart(db, row, bytes, until());
      if (!saved) throw superseded();
      return saved;
    };
    const saveBeside = () => {
      saving = saving
        .then(async () => void (await record(await part.sync())))
        .catch((error) => run.abort(uploadError(error)));
    };
    const receiver = await receiverOf(row, part, reservation, run, (bytes) => {
      run.arrived(bytes);
      if (clock.monotonic() - told < progressMs) return;
      told = clock.monotonic();
      options.onProgress(row, bytes, lengthOf(row));
      // A body with a checksum counts when that was compared, and not before.
      if (!checksum) saveBeside();
    });
    const keep = async (bytes: number): Promise<FileRow> => {
      await saving;
      if (bytes < receiver.bytes) await part.cut(bytes);
      else if (receiver.hasher) waiting.keep(part.name, bytes, receiver.hasher);
      await part.sync();
      const kept = await record(bytes);
      options.onProgress(kept, bytes, lengthOf(kept));
      return kept;
    };

    const bodyHasher = checksum && new Bun.CryptoHasher(checksum.algorithm);
    try {
      if (body) await receiver.take(body, bodyHasher);
    } catch (thrown) {
      const error = uploadError(thrown);
      await saving;
      if (error.code === "upload-incomplete") await keep(checksum ? from : receiver.bytes);
      // More than the file has: none of it is trusted.
      else if (error.code !== "cancelled" && !endsTheUpload.has(error.code)) await keep(from);
      throw thrown;
    }
    if (checksum && bodyHasher && !checksum.digest.equals(bodyHasher.digest())) {
      await keep(from);
      throw new BodyDamaged(
        "checksum-mismatch",
        `The bytes do not have the ${checksum.algorithm} that the request says`,
        {
          remedy: "Send them again.",
        },
      );
    }
    // Nobody waits for a client now, and nobody may take its place while the file is checked.
    run.hold();
    const kept = await keep(receiver.bytes);
    return { row: kept, ...(receiver.bytes === lengthOf(kept) ? { whole: () => receiver.end() } : {}) };
  };

  const store = async (row: FileRow, file: Arrived, whole: () => Promise<Received>, run: Run): Promise<FileRow> => {
    try {
      await passed("received");
      const ready = await options.finish(row, file, await whole(), run.signal);
      log.info("Stored a file", { kind: row.kind, id: row.id, bytes: ready.bytes, sha256: ready.sha256 });
      return ready;
    } catch (thrown) {
      const error = uploadError(thrown);
      // When the service stops, its next life goes on here; a record that is deleted needs no reason.
      const over = !run.signal.aborted && error.code !== "cancelled";
      throw over ? new Over(error) : error;
    }
  };

  /** The record says what the client is told. */
  const settle = async (row: FileRow, thrown: unknown): Promise<NanoError> => {
    const error = uploadError(thrown instanceof Over ? thrown.reason : thrown);
    if (error.code === "internal") log.error("Failed over an upload", { id: row.id, error });
    return thrown instanceof Over || endsTheUpload.has(error.code) ? await attempts.fail(row, error) : error;
  };

  const take = async (opened: FileRow, append: Append, run: Run): Promise<FileRow> => {
    const length = lengthOf(opened);
    const reservation = await space.reserve(length === undefined ? append.bodyBytes : length - append.offset);
    let row = opened;
    let part: Part | undefined;
    try {
      ({ row, part } = await openPart(opened));
      if (opened.part === null) await passed("begun");
      const filled = await fill(row, part, append, reservation, run);
      if (!filled.whole) return filled.row;
      append.onReceived();
      return await store(filled.row, part, filled.whole, run);
    } catch (thrown) {
      // Closed before it is removed: only then is its room free.
      await part?.close();
      throw await settle(row, thrown);
    } finally {
      await part?.close();
      reservation.release();
    }
  };

  /** What is left of a file that was here whole: its part, or what was published and not recorded. */
  const reopen = async (row: FileRow, run: Run) => {
    const bytes = Number(row.bytes);
    const sha256 = row.part_sha256 === null ? undefined : asSha256(row.part_sha256);
    const part = row.part === null ? undefined : await blobs.reopen(row.part, bytes);
    if (part) {
      const nothing = await space.reserve(0);
      const receiver = await receiverOf(row, part, nothing, run, () => {});
      return { file: part, whole: () => receiver.end(), close: () => part.close() };
    }
    const file = sha256 && (await publishedFile(blobs, sha256, bytes));
    return file && { file, whole: async () => ({ bytes, sha256 }), close: async () => {} };
  };

  /** With the upload to itself. */
  const alone = async <T>(id: string, work: (run: Run) => Promise<T>): Promise<T> => {
    const run = running.claim(id, { yields: true });
    try {
      return await work(run);
    } finally {
      run.end();
    }
  };

  return {
    async status(claims) {
      await running.free(claims.id);
      return statusOf(await open(claims));
    },

    async announce(claims, length) {
      await running.free(claims.id);
      return await alone(claims.id, async () => {
        const row = await open(claims);
        return statusOf(row.state === "ready" ? row : await withLength(row, length));
      });
    },

    async append(claims, append) {
      await running.free(claims.id);
      return await alone(claims.id, async (run) => {
        const opened = await open(claims);
        if (opened.state === "ready") throw alreadyHere(opened);
        checkOffset(append.offset, opened);
        run.admit(opened.owner);
        const row = await withLength(opened, append.length);
        run.arrived(Number(row.bytes));
        checkBody(append, lengthOf(row), limits.maxBytes);
        return statusOf(await take(row, append, run));
      });
    },

    async terminate(claims) {
      await running.free(claims.id, 0);
      await alone(claims.id, async () => {
        const row = await open(claims);
        if (row.state === "ready") throw alreadyHere(row);
        await attempts.fail(row, new NanoError("cancelled", "The upload was cancelled by the one who sent it"));
      });
    },

    complete: (row) =>
      alone(row.id, async (run) => {
        run.hold();
        const left = await reopen(row, run);
        try {
          if (!left) throw lost(row);
          await store(row, left.file, left.whole, run);
          await left.close();
        } catch (thrown) {
          await left?.close();
          await settle(row, thrown);
        }
      }),
  };
};

/** An error after which the upload has ended, whatever it is. */
class Over {
  constructor(readonly reason: NanoError) {}
}

/** A blob as `finish` wants it: its name is its own already, and what is stored needs no conversion. */
const publishedFile = async (blobs: BlobStore, sha256: Sha256, bytes: number): Promise<Arrived | undefined> => {
  if ((await blobs.find(sha256))?.bytes !== bytes) return undefined;
  return {
    seal: async () => ({
      length: bytes,
      read: async (offset, length) => {
        const span = { from: offset, to: Math.min(offset + length, bytes) };
        return new Uint8Array(await new Response(asStream(blobs.body(sha256, span))).arrayBuffer());
      },
    }),
    publish: async () => {},
  };
};
