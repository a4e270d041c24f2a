/** A row of the table as the contract's record. */
import {
  type Bytes,
  ErrorRecord,
  FileSource,
  fits,
  type Image,
  ImageIdSchema,
  type Media,
  MediaIdSchema,
  NanoError,
  Sha256Schema,
  timestamp,
} from "@nano/contract";
import type { FileRow } from "./store.ts";

const bytes = (value: number) => value as Bytes;

const readError = (text: string | null) => {
  const error: unknown = text === null ? undefined : JSON.parse(text);
  return fits(ErrorRecord, error) ? { error } : {};
};
export const readSource = (text: string): FileSource => {
  const source: unknown = JSON.parse(text);
  return fits(FileSource, source) ? source : { from: "upload" };
};
const readTags = (text: string): string[] => {
  const tags: unknown = JSON.parse(text);
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === "string") : [];
};

/** @param arrived how many bytes of a running upload have come: newer than the row */
const stored = (row: FileRow, arrived: number | undefined) => {
  const sha256 = row.sha256 ?? row.expected_sha256;
  return {
    name: row.name,
    description: row.description,
    tags: readTags(row.tags),
    state: row.state,
    ...readError(row.error),
    bytes: bytes(row.state === "uploading" ? (arrived ?? Number(row.bytes)) : Number(row.bytes)),
    ...(row.expected_bytes === null ? {} : { expectedBytes: bytes(Number(row.expected_bytes)) }),
    ...(fits(Sha256Schema, sha256) ? { sha256 } : {}),
    source: readSource(row.source),
    owner: row.owner,
    createdAt: timestamp(Number(row.created_at)),
    modifiedAt: timestamp(Number(row.modified_at)),
    revision: row.revision,
  };
};

const damaged = (row: FileRow) => new NanoError("internal", `The record ${row.id} of the images database is damaged`);

export const viewImage = (row: FileRow, arrived?: number): Image => {
  if (!fits(ImageIdSchema, row.id)) throw damaged(row);
  return {
    id: row.id,
    ...stored(row, arrived),
    format: "qcow2",
    ...(row.virtual_bytes === null ? {} : { virtualBytes: bytes(Number(row.virtual_bytes)) }),
  };
};

export const viewMedia = (row: FileRow, arrived?: number): Media => {
  if (!fits(MediaIdSchema, row.id)) throw damaged(row);
  return {
    id: row.id,
    ...stored(row, arrived),
    format: "iso",
    ...(row.volume_label === null ? {} : { volumeLabel: row.volume_label }),
  };
};
