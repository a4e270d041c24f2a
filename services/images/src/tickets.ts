/**
 * Tickets: who holds one may do one thing with one file for a while. A ticket is its claims and an HMAC-SHA256 over
 * them, so it survives a restart of the service and needs no table:
 *
 *     base64url(JSON claims) "." base64url(HMAC)
 *
 * It travels in the `Authorization` header or in a form field, never in a URL, and is never logged.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { constants } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type Clock,
  Closed,
  fits,
  NanoError,
  OneOf,
  RenditionFormatSchema,
  Sha256Schema,
  type Static,
  type Timestamp,
  Type,
  timestamp,
} from "@nano/contract";

/** The session or token it was asked for with: the ticket ends with that. Services' tickets have none. */
const credential = Type.Optional(Type.String({ maxLength: 80 }));
const common = { kind: OneOf(["image", "media"]), id: Type.String({ maxLength: 36 }), expiresAt: Type.Integer() };
const UploadClaims = Closed({
  purpose: OneOf(["upload"]),
  ...common,
  /** Each attempt to fill a record has its own ticket; beginning the attempt uses it up. */
  attempt: Type.Integer({ minimum: 1 }),
  credential,
});
/** `blob`: for a cell, by checksum; `download`: for a person, by record. */
const BlobClaims = Closed({ purpose: OneOf(["blob"]), ...common, sha256: Sha256Schema });
const DownloadClaims = Closed({
  purpose: OneOf(["download"]),
  ...common,
  sha256: Sha256Schema,
  /** Of an image in another format than it is stored in. */
  format: Type.Optional(RenditionFormatSchema),
  credential,
});
export type UploadClaims = Static<typeof UploadClaims>;
export type BlobClaims = Static<typeof BlobClaims>;
export type DownloadClaims = Static<typeof DownloadClaims>;
type FileOf<Claims> = Omit<Claims, "purpose" | "expiresAt">;

/**
 * How long a ticket opens the door, in milliseconds. What has begun may take longer. `export`: how long a record waits
 * for the first one, while a cell still copies the disk.
 */
export const ticketMs = { upload: 3_600_000, blob: 3_600_000, download: 3_600_000, export: 48 * 3_600_000 } as const;
/** Longer ones are nobody's. */
const maxLength = 1024;

export interface Tickets {
  forUpload(claims: Omit<UploadClaims, "purpose" | "expiresAt"> & { expiresAt: number }): string;
  forBlob(claims: FileOf<BlobClaims>): { ticket: string; expiresAt: Timestamp };
  forDownload(claims: FileOf<DownloadClaims>): { ticket: string; expiresAt: Timestamp };
  /**
   * Whether it has expired is the record's to say: a begun upload may take longer. @throws NanoError `ticket-invalid`,
   * the same for a forged or misused one
   */
  readUpload(ticket: string | undefined, id: string): UploadClaims;
  /** @throws NanoError `ticket-invalid` */
  readBlob(ticket: string | undefined, sha256: string): BlobClaims;
  /** @throws NanoError `ticket-invalid` */
  readDownload(ticket: string | undefined, id: string): DownloadClaims;
}

export const createTickets = ({ key, clock }: { key: Uint8Array; clock: Clock }): Tickets => {
  const mac = (text: string) => createHmac("sha256", key).update(text).digest();
  const sign = (claims: UploadClaims | BlobClaims | DownloadClaims): string => {
    const text = Buffer.from(JSON.stringify(claims)).toString("base64url");
    return `${text}.${mac(text).toString("base64url")}`;
  };
  const refuse = (doing: string) => new NanoError("ticket-invalid", `This ticket does not allow ${doing}`);
  const read = (ticket: string | undefined, doing: string): unknown => {
    if (ticket === undefined || ticket.length > maxLength) throw refuse(doing);
    const dot = ticket.indexOf(".");
    const text = ticket.slice(0, Math.max(dot, 0));
    const given = Buffer.from(ticket.slice(dot + 1), "base64url");
    const right = mac(text);
    if (given.length !== right.length || !timingSafeEqual(given, right)) throw refuse(doing);
    return JSON.parse(Buffer.from(text, "base64url").toString());
  };

  return {
    forUpload: (claims) => sign({ purpose: "upload", ...claims }),
    forBlob(claims) {
      const expiresAt = clock.now() + ticketMs.blob;
      return { ticket: sign({ purpose: "blob", ...claims, expiresAt }), expiresAt: timestamp(expiresAt) };
    },
    forDownload(claims) {
      const expiresAt = clock.now() + ticketMs.download;
      return { ticket: sign({ purpose: "download", ...claims, expiresAt }), expiresAt: timestamp(expiresAt) };
    },
    readUpload(ticket, id) {
      const doing = "this upload";
      const claims = read(ticket, doing);
      if (!fits(UploadClaims, claims) || claims.id !== id) throw refuse(doing);
      return claims;
    },
    readBlob(ticket, sha256) {
      const doing = "reading this file";
      const claims = read(ticket, doing);
      if (!fits(BlobClaims, claims) || claims.sha256 !== sha256 || claims.expiresAt <= clock.now()) throw refuse(doing);
      return claims;
    },
    readDownload(ticket, id) {
      const doing = "this download";
      const claims = read(ticket, doing);
      if (!fits(DownloadClaims, claims) || claims.id !== id || claims.expiresAt <= clock.now()) throw refuse(doing);
      return claims;
    },
  };
};

const keyBytes = 32;

/** Reads the signing key of this installation, or makes it at the first start. */
export const loadTicketKey = async (directory: string): Promise<Uint8Array> => {
  const path = join(directory, "tickets.key");
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const existing = await readFile(path).catch(() => undefined);
  if (existing?.length === keyBytes) return existing;
  // A key of another length is a start that was killed while writing it; nothing was signed with it yet.
  await rm(path, { force: true });
  const handle = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    const key = randomBytes(keyBytes);
    await handle.writeFile(key);
    await handle.sync();
    return key;
  } finally {
    await handle.close();
  }
};
