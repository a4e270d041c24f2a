/**
 * The records of disk images and media: one table. What uploads and imports keep in it beside is in their `rows.ts`.
 * Both kinds live through the same states:
 *
 *     uploading ──► checking ──► ready
 *         │ ▲           │          │
 *         ▼ │ upload    ▼          ▼ (file lost on disk)
 *          failed ◄─────┴──────────┘
 *
 * `attempt` counts upload tickets: only the newest is valid, and `begun` says that it was used. A resumable upload has
 * its `part` from then on: `bytes` is how much of it is safe on the disk, `ticket_until` how long it waits for the
 * rest. Every change is committed together with the event that tells of it.
 */
import {
  type DiskFormat,
  defaultGroup,
  type ErrorBody,
  type EventName,
  type FileSource,
  requireRevision,
  type Sha256,
  timestamp,
  type Visibility,
} from "@nano/contract";
import { enqueue, type IdempotencyTable, type OutboxTable, type Queryable } from "@nano/store";
import { type Kysely, type Selectable, sql } from "kysely";

export type Kind = "image" | "media";
export type State = "uploading" | "checking" | "ready" | "failed";

interface FileTable {
  id: string;
  kind: Kind;
  name: string;
  description: string;
  /** JSON array. */
  tags: string;
  /** Name and tags in lower case, one a line: what `search` looks in. */
  search: string;
  state: State;
  /** JSON {@link ErrorBody}: why it failed. */
  error: string | null;
  bytes: number;
  expected_bytes: number | null;
  expected_sha256: string | null;
  /** Of the stored file; set when it is ready, and only then. */
  sha256: string | null;
  virtual_bytes: number | null;
  volume_label: string | null;
  /** {@link DiskFormat} that the client says its file has. */
  declared_format: string | null;
  /** {@link DiskFormat} that it had, when it was not stored as it came. */
  converted_from: string | null;
  /** {@link PackingSchema}, when it was unpacked. */
  unpacked_from: string | null;
  /** 1: the record goes when its first file is refused for what it is. */
  forget_refused: number;
  /** JSON {@link FileSource}: where it came from. */
  source: string;
  /** What is being imported, until that has ended. It may carry a secret and is never shown. */
  import_url: string | null;
  owner: string;
  /** What it counts against its owner's quota: what is stored, or what was promised. */
  claimed_bytes: number;
  owner_group: string;
  visibility: Visibility;
  /** What its owner says a disk made of it needs, in GiB; null when nothing beyond its own size. */
  minimum_gib: number | null;
  attempt: number;
  begun: number;
  ticket_until: number;
  /** The part that a resumable upload fills, while it does. */
  part: string | null;
  /** What that part will be published as: set when all of it is here and is being checked. */
  part_sha256: string | null;
  created_at: number;
  modified_at: number;
  revision: number;
}
/** When the bytes of a blob were compared with its checksum last. */
interface BlobCheckTable {
  sha256: string;
  /** Of the stored file, at that time. Milliseconds. */
  modified_at: number;
  checked_at: number;
}
/** An image's file in another format. */
export interface RenditionTable {
  image: string;
  /** {@link RenditionFormat} */
  format: string;
  /** What the image was when it was made: of another file it is no rendition. */
  source_sha256: string;
  state: "making" | "ready" | "failed";
  /** JSON {@link ErrorBody}: why it failed. */
  error: string | null;
  /** Of the file; set when it is ready, and only then. */
  sha256: string | null;
  bytes: number | null;
  /** What it takes, or was thought to take: less than its length where it has holes. */
  disk_bytes: number;
  /** Who asked for it first. */
  asked_by: string;
  /** When it was asked for last. */
  used_at: number;
}
export type ImagesDatabase = { file: FileTable; blob_check: BlobCheckTable; rendition: RenditionTable } & OutboxTable &
  IdempotencyTable;
export type FileRow = Selectable<FileTable>;

export interface NewFile {
  readonly id: string;
  readonly kind: Kind;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly expectedBytes?: number | undefined;
  readonly expectedSha256?: string | undefined;
  readonly format?: DiskFormat | undefined;
  readonly source: FileSource;
  readonly importUrl?: string | undefined;
  readonly owner: string;
  readonly group?: string | undefined;
  /** Its owner's alone by default. */
  readonly visibility?: Visibility | undefined;
  readonly minimumDiskGiB?: number | undefined;
  readonly forgetRefused?: boolean | undefined;
  readonly ticketUntil: number;
}

/** Of the file that an upload brings, in bytes, if somebody has said. */
export const lengthOf = (row: FileRow): number | undefined =>
  row.expected_bytes === null ? undefined : Number(row.expected_bytes);

const foldCase = (text: string) => text.toLocaleLowerCase("en");
const searched = (name: string, tags: readonly string[]) => foldCase([name, ...tags].join("\n"));
const escapeLike = (text: string) => text.replace(/[\\%_]/g, (c) => `\\${c}`);

/** When and on whose request something changes. */
export interface Cause {
  /** Wall clock, milliseconds. */
  readonly now: number;
  readonly actor?: string;
  readonly requestId?: string;
}

/** Lets those who look at it know. */
export const tell = (db: Queryable<ImagesDatabase>, row: FileRow, what: "changed" | "deleted", cause: Cause) => {
  const { now, ...who } = cause;
  const name: EventName = `${row.kind}.${what}`;
  const { owner, owner_group: group, visibility } = row;
  const state = what === "deleted" ? {} : { state: row.state, bytes: row.bytes };
  const data = { name: row.name, ...state, owner, group, visibility };
  return enqueue(db, { name, id: row.id, at: timestamp(now), ...who, data });
};

export const createFile = async (db: Queryable<ImagesDatabase>, file: NewFile, cause: Cause): Promise<FileRow> => {
  const row: FileRow = {
    id: file.id,
    kind: file.kind,
    name: file.name,
    description: file.description,
    tags: JSON.stringify(file.tags),
    search: searched(file.name, file.tags),
    state: "uploading",
    error: null,
    bytes: 0,
    expected_bytes: file.expectedBytes ?? null,
    expected_sha256: file.expectedSha256 ?? null,
    sha256: null,
    virtual_bytes: null,
    volume_label: null,
    declared_format: file.format ?? null,
    converted_from: null,
    source: JSON.stringify(file.source),
    import_url: file.importUrl ?? null,
    owner: file.owner,
    claimed_bytes: 0,
    owner_group: file.group ?? defaultGroup,
    visibility: file.visibility ?? "private",
    minimum_gib: file.minimumDiskGiB ?? null,
    unpacked_from: null,
    forget_refused: file.forgetRefused ? 1 : 0,
    attempt: 1,
    begun: 0,
    ticket_until: file.ticketUntil,
    part: null,
    part_sha256: null,
    created_at: cause.now,
    modified_at: cause.now,
    revision: 1,
  };
  await db.insertInto("file").values(row).execute();
  await tell(db, row, "changed", cause);
  return row;
};

export const findFile = (db: Queryable<ImagesDatabase>, kind: Kind, id: string): Promise<FileRow | undefined> =>
  db.selectFrom("file").selectAll().where("kind", "=", kind).where("id", "=", id).executeTakeFirst();

export const isNameTaken = async (
  db: Queryable<ImagesDatabase>,
  { kind, group, name }: { kind: Kind; group: string; name: string },
): Promise<boolean> =>
  (await db
    .selectFrom("file")
    .select("id")
    .where("kind", "=", kind)
    .where("owner_group", "=", group)
    .where("name", "=", name)
    .executeTakeFirst()) !== undefined;

export interface ListQuery {
  readonly state?: State | undefined;
  readonly visibility?: Visibility | undefined;
  readonly search?: string | undefined;
  /** For whom: what is theirs, their group's or everyone's. Everything by default. */
  readonly reader?: { readonly name: string; readonly group: string } | undefined;
  readonly limit: number;
  /** The last one seen. */
  readonly after?: { readonly name: string; readonly id: string } | undefined;
}

/**
 * By name, capitals among the small letters, then id: the order is total and a page begins where the last one ended.
 */
export const listFiles = async (
  db: Queryable<ImagesDatabase>,
  kind: Kind,
  { state, visibility, search, reader, limit, after }: ListQuery,
): Promise<{ rows: FileRow[]; total: number; more: boolean }> => {
  let matching = db.selectFrom("file").where("kind", "=", kind);
  if (state !== undefined) matching = matching.where("state", "=", state);
  if (visibility !== undefined) matching = matching.where("visibility", "=", visibility);
  if (reader !== undefined)
    matching = matching.where((e) =>
      e.or([
        e("visibility", "=", "public"),
        e("owner", "=", reader.name),
        e.and([e("visibility", "=", "group"), e("owner_group", "=", reader.group)]),
      ]),
    );
  if (search !== undefined)
    matching = matching.where(sql<boolean>`search like ${`%${escapeLike(foldCase(search))}%`} escape '\\'`);
  const { total } = await matching.select((e) => e.fn.countAll().as("total")).executeTakeFirstOrThrow();
  const page =
    after === undefined
      ? matching
      : matching.where(sql<boolean>`(lower(name), name, id) > (lower(${after.name}), ${after.name}, ${after.id})`);
  const rows = await page
    .selectAll()
    .orderBy(sql`lower(name)`)
    .orderBy("name")
    .orderBy("id")
    .limit(limit + 1)
    .execute();
  return { rows: rows.slice(0, limit), total: Number(total), more: rows.length > limit };
};

export interface Modification {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly visibility: Visibility;
  readonly minimumDiskGiB: number | null;
}

/** What is said of it; whatever happens to its bytes meanwhile happens beside. */
export const modifyFile = async (
  db: Queryable<ImagesDatabase>,
  id: string,
  { tags, minimumDiskGiB, ...said }: Modification,
  cause: Cause,
): Promise<void> => {
  const row = await db
    .updateTable("file")
    .set({
      ...said,
      tags: JSON.stringify(tags),
      search: searched(said.name, tags),
      minimum_gib: minimumDiskGiB,
    })
    .set((e) => ({ modified_at: cause.now, revision: e("revision", "+", 1) }))
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirstOrThrow();
  await tell(db, row, "changed", cause);
};

type Change = Partial<Omit<FileRow, "id" | "kind" | "name" | "created_at" | "modified_at" | "revision">>;

/**
 * Changes a record if it is still there and in one of these states (and at this attempt), together with its event.
 * @returns the changed record, or undefined when it was not: someone was faster
 */
export const changeFile = (
  db: Kysely<ImagesDatabase>,
  where: { id: string; states: readonly State[]; attempt?: number },
  change: Change,
  cause: Cause,
): Promise<FileRow | undefined> =>
  db.transaction().execute(async (trx) => {
    let update = trx
      .updateTable("file")
      .set(change)
      .set((e) => ({ modified_at: cause.now, revision: e("revision", "+", 1) }))
      .where("id", "=", where.id)
      .where("state", "in", where.states);
    if (where.attempt !== undefined) update = update.where("attempt", "=", where.attempt);
    const row = await update.returningAll().executeTakeFirst();
    if (row) await tell(trx, row, "changed", cause);
    return row;
  });

export const withoutPart = { part: null, part_sha256: null } as const;

/** From any state that is not an end; `lost` also ends a ready one whose file is gone. */
export const markFailed = (
  db: Kysely<ImagesDatabase>,
  id: string,
  error: ErrorBody,
  cause: Cause,
  options: { lost?: true; attempt?: number } = {},
) =>
  changeFile(
    db,
    {
      id,
      states: options.lost ? ["ready"] : ["uploading", "checking"],
      ...(options.attempt === undefined ? {} : { attempt: options.attempt }),
    },
    {
      state: "failed",
      claimed_bytes: 0,
      error: JSON.stringify(error),
      bytes: 0,
      sha256: null,
      ...withoutPart,
      virtual_bytes: null,
      volume_label: null,
      converted_from: null,
      unpacked_from: null,
      forget_refused: 0,
    },
    cause,
  );

/** Deletes a record with its event. @returns what it was, and whether its bytes belong to nobody now. */
export const deleteFile = (
  db: Kysely<ImagesDatabase>,
  kind: Kind,
  id: string,
  revision: number | undefined,
  cause: Cause,
): Promise<{ row: FileRow; orphan: boolean } | undefined> =>
  db.transaction().execute(async (trx) => {
    const read = await findFile(trx, kind, id);
    if (!read) return undefined;
    requireRevision(read, revision);
    const row = await trx
      .deleteFrom("file")
      .where("kind", "=", kind)
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirst();
    if (!row) return undefined;
    await tell(trx, row, "deleted", cause);
    return { row, orphan: row.sha256 !== null && !(await isReferred(trx, row.sha256)) };
  });

/** Whether a record, or one of its renditions, has this content. */
export const isReferred = async (db: Queryable<ImagesDatabase>, sha256: string): Promise<boolean> => {
  const files = db.selectFrom("file").select("sha256").where("sha256", "=", sha256);
  const renditions = db.selectFrom("rendition").select("sha256").where("sha256", "=", sha256);
  return (await files.unionAll(renditions).limit(1).executeTakeFirst()) !== undefined;
};

/** Those of this content, the oldest first. */
export const listReadyOf = async (db: Queryable<ImagesDatabase>, files: readonly Sha256[]): Promise<FileRow[]> =>
  files.length === 0
    ? []
    : db
        .selectFrom("file")
        .selectAll()
        .where("state", "=", "ready")
        .where("sha256", "in", files)
        .orderBy("id")
        .execute();

export const listReady = (db: Queryable<ImagesDatabase>) =>
  db.selectFrom("file").selectAll().where("state", "=", "ready").execute();
