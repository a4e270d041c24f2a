/** What a client of a resumable upload says, is told, and is refused for. */
import { NanoError } from "@nano/contract";
import { type FileRow, lengthOf } from "../records/store.ts";
import { checkSize } from "./attempts.ts";

export interface UploadStatus {
  /** How many bytes are here, safe on the disk. */
  readonly offset: number;
  /** Of the whole file; undefined when nobody has said. */
  readonly length: number | undefined;
  /** Until when it waits, wall clock in milliseconds; undefined when the file is stored. */
  readonly until: number | undefined;
}

export interface Append {
  /** Where in the file the body begins. */
  readonly offset: number;
  /** Of the whole file, if this request says it. */
  readonly length: number | undefined;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Undefined when it is sent in chunks. */
  readonly bodyBytes: number | undefined;
  readonly checksum: BodyChecksum | undefined;
  /** The last byte has come; what follows may take a while without a sign of life. */
  readonly onReceived: () => void;
}

export interface BodyChecksum {
  readonly algorithm: "sha1" | "sha256";
  readonly digest: Buffer;
}

/** The upload has failed, and nothing of it is kept. */
export class UploadGone extends NanoError {}
/** The bytes of one request were not what it said they are: they were thrown away, and can be sent again. */
export class BodyDamaged extends NanoError {}

export const statusOf = (row: FileRow): UploadStatus => {
  if (row.state !== "ready")
    return { offset: Number(row.bytes), length: lengthOf(row), until: Number(row.ticket_until) };
  // What is stored may have another length than what was sent.
  const sent = lengthOf(row) ?? Number(row.bytes);
  return { offset: sent, length: sent, until: undefined };
};

export const lost = ({ name }: FileRow) =>
  new NanoError("image-damaged", `What had arrived of '${name}' is not on the disk any more`);

export const checkOffset = (offset: number, row: FileRow) => {
  if (offset === Number(row.bytes)) return;
  throw new NanoError("upload-offset", `The request goes on at byte ${offset}; ${row.bytes} have arrived`, {
    details: { offset, receivedBytes: Number(row.bytes) },
  });
};

/** What can be refused before a byte of the body was taken. */
export const checkBody = ({ offset, bodyBytes }: Append, length: number | undefined, maxBytes: number) => {
  if (bodyBytes === undefined) return;
  const end = offset + bodyBytes;
  if (length !== undefined && end > length)
    throw new NanoError("invalid-input", `The request goes to byte ${end}; the file has ${length}`, {
      details: { expectedBytes: length, fields: [] },
    });
  if (end > 0) checkSize(end, maxBytes);
};
