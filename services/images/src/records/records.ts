/**
 * What can be done with a record, for both kinds alike; `handlers.ts` gives it the contract's names and shapes. Nothing
 * here is called without the permission: the bus has checked it.
 */

import type { RequestContext } from "@nano/bus";
import {
  type Actor,
  type Bytes,
  type Clock,
  limits as contractLimits,
  type DiskFormat,
  decode,
  defaultGroup,
  type FileSource,
  groupOf,
  type ImageId,
  type Input,
  type MediaId,
  mayDo,
  NanoError,
  pageCarries,
  type Rendition,
  type RenditionFormat,
  requireRevision,
  type Sha256,
  Type,
  timestamp,
  type UploadTicket,
  type Visibility,
} from "@nano/contract";
import { isUniqueViolation, once } from "@nano/store";
import type { Kysely } from "kysely";
import type { BlobStore, StoredBlob } from "../blobs/blobs.ts";
import { asSha256 } from "../blobs/sha256.ts";
import type { Mutex } from "../mutex.ts";
import type { Renditions } from "../renditions/renditions.ts";
import { type Tickets, ticketMs } from "../tickets.ts";
import { extendPart, renewAttempt } from "../uploads/rows.ts";
import type { Running } from "../uploads/running.ts";
import type { Space } from "../uploads/space.ts";
import type { UploadLimits } from "../uploads/uploads.ts";
import type { Waiting } from "../uploads/waiting.ts";
import { notFound, readerOf, requireOwned, requireReader, requireSeen, sees } from "./access.ts";
import { type ModifyInput, modifyRecord } from "./modify.ts";
import { claim } from "./quota.ts";
import {
  createFile,
  deleteFile,
  type FileRow,
  findFile,
  type ImagesDatabase,
  isNameTaken,
  type Kind,
  listFiles,
  listReadyOf,
  markFailed,
  type State,
} from "./store.ts";
import { type AskUsers, createShownUsers, requireUnused } from "./use.ts";
import { downloadNameOf, nameTaken, viewImage, viewMedia } from "./view.ts";

export interface RecordsOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  readonly space: Space;
  readonly blobMutex: Mutex;
  readonly tickets: Tickets;
  readonly running: Running;
  readonly waiting: Waiting;
  readonly limits: UploadLimits & { readonly waitMs: number };
  readonly clock: Clock;
  /** Where browsers and cells reach this service, without a slash at the end. */
  readonly publicUrl: string;
  readonly onCommit: () => void;
  /** Whether it is as it was when it was verified. */
  readonly isTrusted: (blob: StoredBlob) => Promise<boolean>;
  readonly askUsers: AskUsers;
  readonly renditions: Renditions;
  /** Ends the import of one that is deleted. */
  readonly cancelIntake: (id: string, reason: NanoError) => void;
}

export interface CreateInput {
  readonly name: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly bytes?: number;
  readonly sha256?: string;
  readonly format?: DiskFormat;
  readonly visibility?: Visibility;
  readonly minimumDiskGiB?: number;
  readonly forgetRefused?: boolean;
}
/** A record whose file comes from anywhere. */
export interface NewRecord extends CreateInput {
  readonly source: FileSource;
  readonly importUrl?: string;
}
export interface ListInput {
  readonly limit?: number;
  readonly cursor?: string;
  readonly state?: State;
  readonly visibility?: Visibility;
  readonly search?: string;
}

export type Records = ReturnType<typeof createRecords>;

const Created = Type.Object({ id: Type.String() });

export const createRecords = (options: RecordsOptions) => {
  const { db, blobs, space, tickets, running, waiting, renditions, limits, clock, publicUrl, onCommit } = options;

  const causeOf = (context: RequestContext) => ({
    now: clock.now(),
    actor: context.actor.name,
    requestId: context.requestId,
  });
  const get = async (kind: Kind, id: string, actor: Actor): Promise<FileRow> =>
    requireSeen(await findFile(db, kind, id), actor, kind, id);
  const own = async (kind: Kind, id: string, actor: Actor): Promise<FileRow> => {
    const row = await get(kind, id, actor);
    requireOwned(row, actor);
    return row;
  };
  const heldBy = ({ credential }: Actor) => (credential === undefined ? {} : { credential });
  const ticketFor = (row: FileRow, actor: Actor): UploadTicket => ({
    url: `${publicUrl}/upload/${row.id}`,
    ticket: tickets.forUpload({
      kind: row.kind,
      id: row.id,
      attempt: row.attempt,
      expiresAt: Number(row.ticket_until),
      ...heldBy(actor),
    }),
    expiresAt: timestamp(Number(row.ticket_until)),
  });

  /** @param bytes of the file, as far as that is known */
  const requireRoom = async (bytes: number | undefined): Promise<void> => {
    if (bytes === undefined) return;
    if (bytes > limits.maxBytes)
      throw new NanoError("image-too-large", `The file has ${bytes} bytes; ${limits.maxBytes} are allowed`, {
        details: { bytes, maxBytes: limits.maxBytes },
      });
    await space.check(bytes);
  };

  /** A new record, or the one that the same request has made before. */
  const register = async (kind: Kind, input: NewRecord, context: RequestContext): Promise<FileRow> => {
    await requireRoom(input.bytes);
    const cause = causeOf(context);
    const request = {
      key: context.idempotencyKey,
      actor: `${context.actor.kind}:${context.actor.id}`,
      operation: `${kind}.create`,
      input,
      now: cause.now,
    };
    const answer = await once(db, request, async (trx) => {
      const row = await createFile(
        trx,
        {
          id: Bun.randomUUIDv7(),
          kind,
          name: input.name,
          description: input.description ?? "",
          tags: input.tags ?? [],
          expectedBytes: input.bytes,
          expectedSha256: input.sha256,
          format: input.format,
          source: input.source,
          importUrl: input.importUrl,
          owner: context.actor.name,
          group: groupOf(context.actor),
          visibility: input.visibility,
          minimumDiskGiB: input.minimumDiskGiB,
          forgetRefused: input.forgetRefused,
          ticketUntil: cause.now + ticketMs.upload,
        },
        cause,
      );
      await claim(trx, row, input.bytes ?? 0, limits.quotaBytes);
      // Only the id is kept for a repetition: a ticket is a secret, and made again from the record.
      return { id: row.id };
    }).catch((error) => {
      throw isUniqueViolation(error) ? nameTaken(kind, input.name) : error;
    });
    onCommit();
    return await own(kind, decode(Created, answer, "Reading what an earlier request created").id, context.actor);
  };

  /** @throws NanoError `image-not-ready` unless its file is there, as long as it should be */
  const whole = async (row: FileRow, context: RequestContext) => {
    const { id, kind, name, state } = row;
    if (state !== "ready" || row.sha256 === null)
      throw new NanoError("image-not-ready", `The ${kind} '${name}' is ${state}`, { details: { state } });
    const sha256 = asSha256(row.sha256);
    const blob = await blobs.find(sha256);
    if (blob?.bytes === Number(row.bytes)) {
      if (!(await options.isTrusted(blob))) throw touched(name);
      // It may have been found to be damaged since it was read.
      const now = await findFile(db, kind, id);
      if (now?.state === "ready" && now.sha256 === row.sha256) return { row: now, sha256 };
      throw new NanoError("image-not-ready", `The ${kind} '${name}' has changed just now`);
    }
    await markFailed(db, id, damagedFile(name, blob?.bytes).toBody(), causeOf(context), { lost: true });
    onCommit();
    throw new NanoError("image-not-ready", `The stored file of the ${kind} '${name}' is missing or damaged`);
  };

  return {
    get,

    async list(kind: Kind, input: ListInput, { actor }: RequestContext) {
      const { limit = contractLimits.page.default, cursor, ...filter } = input;
      const after = cursor === undefined ? undefined : readCursor(cursor);
      const reader = readerOf(actor, kind);
      const found = await listFiles(db, kind, { ...filter, limit, after, reader });
      const rows = pageCarries(found.rows);
      const last = rows.at(-1);
      const more = found.more || rows.length < found.rows.length;
      return { rows, total: found.total, ...(more && last ? { next: writeCursor(last) } : {}) };
    },

    async create(kind: Kind, input: CreateInput, context: RequestContext) {
      const row = await register(kind, { ...input, source: { from: "upload" } }, context);
      return { row, upload: ticketFor(row, context.actor) };
    },

    register,

    /** Registers an image that a cell will send, under an id that was chosen before. */
    async begin(input: Input<"image.begin">, context: RequestContext): Promise<void> {
      const { id, name, bytes, group = defaultGroup, dryRun = false } = input;
      if (await findFile(db, "image", id)) return;
      if (await isNameTaken(db, { kind: "image", group, name })) throw nameTaken("image", name);
      await requireRoom(bytes);
      if (dryRun) return;
      const cause = { ...causeOf(context), actor: input.owner };
      const file = { ...input, kind: "image", ticketUntil: cause.now + ticketMs.export } as const;
      const made = db.transaction().execute(async (trx) => {
        const row = await createFile(trx, file, cause);
        await claim(trx, row, bytes ?? 0, limits.quotaBytes);
      });
      await made.catch(async (error) => {
        if (!isUniqueViolation(error)) throw error;
        // The same request, sent again while the first one was under way.
        if (!(await findFile(db, "image", id))) throw nameTaken("image", name);
      });
      onCommit();
    },

    async renew(kind: Kind, id: string, context: RequestContext): Promise<UploadTicket> {
      const row = await own(kind, id, context.actor);
      // What arrived stays, and whoever sends it is not disturbed.
      const extended = row.part === null ? undefined : await extendPart(db, row, clock.now() + limits.waitMs);
      if (extended) return ticketFor(extended, context.actor);
      if (running.has(id))
        throw new NanoError("upload-in-progress", `The ${kind} '${row.name}' is being uploaded right now`);
      const cause = causeOf(context);
      const renewed = await renewAttempt(db, row, cause.now + ticketMs.upload, cause);
      if (!renewed)
        throw new NanoError("wrong-state", `The ${kind} '${row.name}' takes no upload in the state '${row.state}'`, {
          details: { state: row.state, allowed: ["delete"] },
        });
      onCommit();
      return ticketFor(renewed, context.actor);
    },

    /**
     * @param force also while it is in use
     * @throws NanoError `revision-mismatch` when it is not at `revision` any more
     */
    async remove(
      kind: Kind,
      { id, force = false, revision }: { id: string; force?: boolean; revision?: number },
      context: RequestContext,
    ): Promise<void> {
      const row = await own(kind, id, context.actor);
      // Before its upload is ended; the transaction that deletes it has the last word.
      requireRevision(row, revision);
      if (!force) await requireUnused(options.askUsers, row, context);
      const reason = new NanoError("cancelled", `The ${kind} was deleted during its upload`);
      options.cancelIntake(id, reason);
      await running.cancel(id, reason);
      const { part } = await options.blobMutex.run(async () => {
        const deleted = await deleteFile(db, kind, id, revision, causeOf(context));
        if (!deleted) throw notFound(kind, id);
        onCommit();
        if (deleted.orphan && deleted.row.sha256 !== null) await blobs.remove(asSha256(deleted.row.sha256));
        return deleted.row;
      });
      // One that began since then found its record still there.
      options.cancelIntake(id, reason);
      await running.cancel(id, reason);
      if (part !== null) await waiting.remove(part);
      await renditions.drop(id);
    },

    modify: (kind: Kind, input: ModifyInput, context: RequestContext) => modifyRecord(options, kind, input, context),

    shownUsers: createShownUsers(options.askUsers, clock),

    /**
     * Where a cell fetches the bytes.
     * @param reader whom they are for; the service that asks by default
     */
    async source(kind: Kind, id: string, context: RequestContext, reader: Actor = context.actor) {
      requireReader(reader, kind);
      const { row, sha256 } = await whole(await get(kind, id, reader), context);
      const { ticket } = tickets.forBlob({ kind, id, sha256 });
      return { row, sha256, url: `${publicUrl}/blob/${sha256}`, ticket };
    },

    /** Which ready records of those that somebody may see have this content: one of each kind. */
    async identify(files: readonly Sha256[], reader: Actor) {
      const named = new Map<Sha256, { image?: { id: ImageId; name: string }; media?: { id: MediaId; name: string } }>();
      for (const row of await listReadyOf(db, files)) {
        if (row.sha256 === null || !sees(reader, row) || !mayDo(reader, `${row.kind}.read`)) continue;
        const sha256 = asSha256(row.sha256);
        const { id, name } = row.kind === "image" ? viewImage(row) : viewMedia(row);
        named.set(sha256, { [row.kind]: { id, name }, ...named.get(sha256) });
      }
      return [...named].map(([sha256, records]) => ({ sha256, ...records }));
    },

    /**
     * Where a person fetches them.
     * @param format as they are stored by default
     */
    async download(kind: Kind, id: string, format: RenditionFormat | undefined, context: RequestContext) {
      const { row, sha256 } = await whole(await get(kind, id, context.actor), context);
      const file = format === undefined ? { sha256, bytes: Number(row.bytes) } : await renditions.take(row, format);
      const { ticket, expiresAt } = tickets.forDownload({
        kind,
        id,
        sha256: file.sha256,
        ...(format ? { format } : {}),
        ...heldBy(context.actor),
      });
      return {
        url: `${publicUrl}/download/${id}`,
        ticket,
        expiresAt,
        fileName: downloadNameOf(row, format),
        bytes: file.bytes as Bytes,
        sha256: file.sha256,
      };
    },

    async convert({ id, format }: Input<"image.convert">, context: RequestContext): Promise<Rendition> {
      const { row } = await whole(await get("image", id, context.actor), context);
      return await renditions.begin(row, format, context);
    },

    async discard({ id, format }: Input<"image.discard">, context: RequestContext): Promise<void> {
      await renditions.discard(await get("image", id, context.actor), format, context);
    },
  };
};

/** Why one that is ready is not served. */
export const touched = (name: string) =>
  new NanoError("image-not-ready", `The stored file of '${name}' was touched, and is being verified`, {
    remedy: "Try again when it is verified; if it was changed, the record will say so.",
  });

/** Why a record that was ready is not any more. */
export const damagedFile = (name: string, bytes: number | undefined) =>
  new NanoError(
    "image-damaged",
    `The stored file of '${name}' ${bytes === undefined ? "is gone" : "has another size"}`,
  );

const Cursor = Type.Tuple([Type.String(), Type.String()]);
const writeCursor = ({ name, id }: FileRow) => Buffer.from(JSON.stringify([name, id])).toString("base64url");
const readCursor = (cursor: string): { name: string; id: string } => {
  try {
    const [name, id] = decode(Cursor, JSON.parse(Buffer.from(cursor, "base64url").toString()), "Reading a cursor");
    return { name, id };
  } catch (cause) {
    throw new NanoError("invalid-input", "Listing: the cursor is not one that a page answered", {
      details: { fields: [{ path: "/cursor", message: "Not the `next` of a page" }] },
      cause,
    });
  }
};
