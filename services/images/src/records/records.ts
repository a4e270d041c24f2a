/**
 * What can be done with a record, for both kinds alike; `handlers.ts` gives it the contract's names and shapes. Nothing here is called without
 * the permission: the bus has checked it.
 */

import type { RequestContext } from "@nano/bus";
import {
  type Clock,
  limits as contractLimits,
  decode,
  type FileSource,
  type Input,
  type MediaId,
  NanoError,
  Type,
  timestamp,
  type UploadTicket,
} from "@nano/contract";
import { isUniqueViolation, once } from "@nano/store";
import type { Kysely } from "kysely";
import type { BlobStore } from "../blobs/blobs.ts";
import { asSha256 } from "../blobs/sha256.ts";
import type { Mutex } from "../mutex.ts";
import { type Tickets, ticketMs } from "../tickets.ts";
import type { Running } from "../uploads/running.ts";
import type { Space } from "../uploads/space.ts";
import type { UploadLimits } from "../uploads/uploads.ts";
import type { Waiting } from "../uploads/waiting.ts";
import {
  createFile,
  deleteFile,
  extendPart,
  type FileRow,
  findFile,
  type ImagesDatabase,
  isNameTaken,
  type Kind,
  listFiles,
  markFailed,
  renewAttempt,
  type State,
} from "./store.ts";

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
  /** Instances that have a media image in their drive. */
  readonly mediaUsers: (id: MediaId, requestId: string) => Promise<readonly { readonly name: string }[]>;
}

export interface CreateInput {
  readonly name: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly bytes?: number;
  readonly sha256?: string;
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
  readonly search?: string;
}

export type Records = ReturnType<typeof createRecords>;

const Created = Type.Object({ id: Type.String() });

export const createRecords = (options: RecordsOptions) => {
  const { db, blobs, space, tickets, running, waiting, limits, clock, publicUrl, onCommit } = options;

  const causeOf = (context: RequestContext) => ({
    now: clock.now(),
    actor: context.actor.name,
    requestId: context.requestId,
  });
  const get = async (kind: Kind, id: string): Promise<FileRow> => {
    const row = await findFile(db, kind, id);
    if (!row) throw new NanoError(`${kind}-not-found`, `There is no ${kind} ${id}`, { details: { id } });
    return row;
  };
  const ticketFor = (row: FileRow): UploadTicket => ({
    url: `${publicUrl}/upload/${row.id}`,
    ticket: tickets.forUpload({
      kind: row.kind,
      id: row.id,
      attempt: row.attempt,
      expiresAt: Number(row.ticket_until),
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
          source: input.source,
          importUrl: input.importUrl,
          owner: context.actor.name,
          ticketUntil: cause.now + ticketMs.upload,
        },
        cause,
      );
      // Only the id is kept for a repetition: a ticket is a secret, and made again from the record.
      return { id: row.id };
    }).catch((error) => {
      throw isUniqueViolation(error) ? nameTaken(kind, input.name) : error;
    });
    onCommit();
    return await get(kind, decode(Created, answer, "Reading what an earlier request created").id);
  };

  return {
    get,

    async list(kind: Kind, { limit = contractLimits.page.default, cursor, state, search }: ListInput) {
      const after = cursor === undefined ? undefined : readCursor(cursor);
      const { rows, total, more } = await listFiles(db, kind, { limit, after, state, search });
      const last = rows.at(-1);
      return { rows, total, ...(more && last ? { next: writeCursor(last.name) } : {}) };
    },

    async create(kind: Kind, input: CreateInput, context: RequestContext) {
      const row = await register(kind, { ...input, source: { from: "upload" } }, context);
      return { row, upload: ticketFor(row) };
    },

    register,

    /** Registers an image that a cell will send, under an id that was chosen before. */
    async begin(input: Input<"image.begin">, context: RequestContext): Promise<void> {
      const { id, name, bytes, dryRun = false } = input;
      if (await findFile(db, "image", id)) return;
      if (await isNameTaken(db, "image", name)) throw nameTaken("image", name);
      await requireRoom(bytes);
      if (dryRun) return;
      const cause = { ...causeOf(context), actor: input.owner };
      const file = { ...input, kind: "image", ticketUntil: cause.now + ticketMs.export } as const;
      const made = db.transaction().execute((trx) => createFile(trx, file, cause));
      await made.catch(async (error) => {
        if (!isUniqueViolation(error)) throw error;
        // The same request, sent again while the first one was under way.
        if (!(await findFile(db, "image", id))) throw nameTaken("image", name);
      });
      onCommit();
    },

    async renew(kind: Kind, id: string, context: RequestContext): Promise<UploadTicket> {
      const row = await get(kind, id);
      // What arrived stays, and whoever sends it is not disturbed.
      const extended = row.part === null ? undefined : await extendPart(db, row, clock.now() + limits.waitMs);
      if (extended) return ticketFor(extended);
      if (running.has(id))
        throw new NanoError("upload-in-progress", `The ${kind} '${row.name}' is being uploaded right now`);
      const cause = causeOf(context);
      const renewed = await renewAttempt(db, row, cause.now + ticketMs.upload, cause);
      if (!renewed)
        throw new NanoError("wrong-state", `The ${kind} '${row.name}' takes no upload in the state '${row.state}'`, {
          details: { state: row.state, allowed: ["delete"] },
        });
      onCommit();
      return ticketFor(renewed);
    },

    /** @throws NanoError `in-use` naming the instances; `unavailable` when nobody can say */
    async requireUnused(id: MediaId, context: RequestContext): Promise<void> {
      const { name } = await get("media", id);
      const users = (await options.mediaUsers(id, context.requestId)).map((user) => user.name);
      if (users.length === 0) return;
      throw new NanoError("in-use", `'${name}' is in the drive of ${someOf(users)}`, {
        details: { instances: users.slice(0, namedAtMost) },
        remedy: "Eject it there, or stop the instance.",
      });
    },

    async remove(kind: Kind, id: string, context: RequestContext): Promise<void> {
      await get(kind, id);
      await running.cancel(id, new NanoError("cancelled", `The ${kind} was deleted during its upload`));
      await options.blobMutex.run(async () => {
        const deleted = await deleteFile(db, kind, id, causeOf(context));
        if (!deleted) throw new NanoError(`${kind}-not-found`, `There is no ${kind} ${id}`, { details: { id } });
        onCommit();
        if (deleted.row.part !== null) await waiting.remove(deleted.row.part);
        if (deleted.orphan && deleted.row.sha256 !== null) await blobs.remove(asSha256(deleted.row.sha256));
      });
    },

    /** Where a cell fetches the bytes. */
    async source(kind: Kind, id: string, context: RequestContext) {
      const row = await get(kind, id);
      if (row.state !== "ready" || row.sha256 === null)
        throw new NanoError("image-not-ready", `The ${kind} '${row.name}' is ${row.state}`, {
          details: { state: row.state },
        });
      const sha256 = asSha256(row.sha256);
      const blob = await blobs.find(sha256);
      if (blob?.bytes !== Number(row.bytes)) {
        await markFailed(db, id, damagedFile(row.name, blob?.bytes).toBody(), causeOf(context), { lost: true });
        onCommit();
        throw new NanoError("image-not-ready", `The stored file of the ${kind} '${row.name}' is missing or damaged`);
      }
      const { ticket } = tickets.forBlob({ kind, id, sha256 });
      return { row, sha256, url: `${publicUrl}/blob/${sha256}`, ticket };
    },
  };
};

const nameTaken = (kind: Kind, name: string) =>
  new NanoError("name-taken", `There is a ${kind} with the name '${name}' already`, { details: { name } });

/** Why a record that was ready is not any more. */
export const damagedFile = (name: string, bytes: number | undefined) =>
  new NanoError(
    "image-damaged",
    `The stored file of '${name}' ${bytes === undefined ? "is gone" : "has another size"}`,
  );

/** Names in a refusal; more of them help nobody. */
const namedAtMost = 10;
const someOf = (names: readonly string[]): string =>
  names.length <= namedAtMost
    ? names.join(", ")
    : `${names.slice(0, namedAtMost).join(", ")} and ${names.length - namedAtMost} more`;

const writeCursor = (name: string) => Buffer.from(name).toString("base64url");
const readCursor = (cursor: string): string => {
  const name = Buffer.from(cursor, "base64url").toString();
  if (name === "" || writeCursor(name) !== cursor)
    throw new NanoError("invalid-input", "Listing: the cursor is not one that a page answered", {
      details: { fields: [{ path: "/cursor", message: "Not the `next` of a page" }] },
    });
  return name;
};
