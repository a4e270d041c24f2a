/** A row of the table as the contract's record. */
import {
  type Bytes,
  type DiskFormat,
  DiskFormatSchema,
  ErrorRecord,
  FileSource,
  fits,
  type GiB,
  type Image,
  ImageIdSchema,
  type Media,
  MediaIdSchema,
  NanoError,
  PackingSchema,
  type Rendition,
  type RenditionFormat,
  Sha256Schema,
  type Static,
  shortened,
  timestamp,
  type UsedBy,
} from "@nano/contract";
import { makings } from "../renditions/formats.ts";
import { fileNameOf } from "./file-name.ts";
import type { FileRow, Kind } from "./store.ts";

const bytes = (value: number) => value as Bytes;
const gib = (value: number) => value as GiB;

const readError = (text: string | null) => {
  const error: unknown = text === null ? undefined : JSON.parse(text);
  // What was stored when less was checked is cut, not left out.
  const short: unknown = shortened(ErrorRecord, error as Static<typeof ErrorRecord>);
  return fits(ErrorRecord, short) ? { error: short } : {};
};
export const readSource = (text: string): FileSource => {
  const source: unknown = JSON.parse(text);
  const short: unknown = shortened(FileSource, source as FileSource);
  return fits(FileSource, short) ? short : { from: "upload" };
};
export const readTags = (text: string): string[] => {
  const tags: unknown = JSON.parse(text);
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === "string") : [];
};

/** What is known of it beside its row. */
export interface Beside {
  /** How many bytes of a running upload have come: newer than the row. */
  readonly arrived?: number | undefined;
  /** Percent of a running conversion. */
  readonly converted?: number | undefined;
  readonly usedBy?: UsedBy | undefined;
  readonly renditions?: readonly Rendition[] | undefined;
}

const gibibyte = 2 ** 30;
/** In GiB: what its own disk takes, or what its owner says it needs. Undefined when neither is known. */
export const minimumDiskOf = (row: Pick<FileRow, "virtual_bytes" | "minimum_gib">): number | undefined => {
  const own = row.virtual_bytes === null ? undefined : Math.max(1, Math.ceil(Number(row.virtual_bytes) / gibibyte));
  const said = row.minimum_gib ?? undefined;
  return own === undefined ? said : Math.max(own, said ?? 0);
};

const stored = (row: FileRow, { arrived, usedBy }: Beside) => {
  const sha256 = row.sha256 ?? row.expected_sha256;
  return {
    name: row.name,
    description: row.description,
    tags: readTags(row.tags),
    visibility: row.visibility,
    state: row.state,
    ...readError(row.error),
    bytes: bytes(row.state === "uploading" ? (arrived ?? Number(row.bytes)) : Number(row.bytes)),
    ...(row.expected_bytes === null ? {} : { expectedBytes: bytes(Number(row.expected_bytes)) }),
    ...(fits(Sha256Schema, sha256) ? { sha256 } : {}),
    source: readSource(row.source),
    ...(fits(PackingSchema, row.unpacked_from) ? { unpackedFrom: row.unpacked_from } : {}),
    owner: row.owner,
    group: row.owner_group,
    ...(usedBy === undefined ? {} : { usedBy }),
    createdAt: timestamp(Number(row.created_at)),
    modifiedAt: timestamp(Number(row.modified_at)),
    revision: row.revision,
  };
};

export const declaredFormat = ({ declared_format }: FileRow): DiskFormat | undefined =>
  fits(DiskFormatSchema, declared_format) ? declared_format : undefined;

const damaged = (row: FileRow) => new NanoError("internal", `The record ${row.id} of the images database is damaged`);

export const viewImage = (row: FileRow, beside: Beside = {}): Image => {
  if (!fits(ImageIdSchema, row.id)) throw damaged(row);
  const minimumDiskGiB = minimumDiskOf(row);
  return {
    id: row.id,
    ...stored(row, beside),
    format: "qcow2",
    ...(fits(DiskFormatSchema, row.converted_from) ? { convertedFrom: row.converted_from } : {}),
    ...(beside.converted === undefined || row.state !== "checking" ? {} : { progress: beside.converted }),
    ...(row.virtual_bytes === null ? {} : { virtualBytes: bytes(Number(row.virtual_bytes)) }),
    ...(minimumDiskGiB === undefined ? {} : { minimumDiskGiB: gib(minimumDiskGiB) }),
    ...(beside.renditions?.length ? { renditions: [...beside.renditions] } : {}),
  };
};

export const viewMedia = (row: FileRow, beside: Beside = {}): Media => {
  if (!fits(MediaIdSchema, row.id)) throw damaged(row);
  return {
    id: row.id,
    ...stored(row, beside),
    format: "iso",
    ...(row.volume_label === null ? {} : { volumeLabel: row.volume_label }),
  };
};

/** What its file is called for who downloads it, as it is stored by default. */
export const downloadNameOf = ({ kind, name }: Pick<FileRow, "kind" | "name">, format?: RenditionFormat): string => {
  if (kind === "media") return fileNameOf(name, "iso");
  return fileNameOf(name.replace(/\.qcow2$/i, ""), format === undefined ? "qcow2" : makings[format].format);
};

export const nameTaken = (kind: Kind, name: string): NanoError =>
  new NanoError(
    "name-taken",
    `There is ${kind === "image" ? "an image" : "a medium"} with the name '${name}' already`,
    { details: { name } },
  );
