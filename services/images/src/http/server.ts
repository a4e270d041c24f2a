/**
 * The service's HTTP side: bytes in, bytes out. Everything else goes over the bus.
 *
 * | request                | with                                      | answer                                     |
 * |------------------------|-------------------------------------------|--------------------------------------------|
 * | `PUT /upload/<id>`     | `Authorization: Bearer <upload ticket>`   | the record, when it is verified and stored |
 * | `POST /upload/<id>`    | a form: `ticket`, `next`, the file        | 303 to `next` (portal only)                |
 * | tus at `/upload/<id>`  | `Authorization: Bearer <upload ticket>`   | resumable: see `tus.ts`                    |
 * | `GET /blob/<sha256>`   | `Authorization: Bearer <blob ticket>`     | the file; ranges, ETag                     |
 * | `GET /download/<id>`   | `Authorization: Bearer <download ticket>` | the same, under its name                   |
 * | `GET /healthz`         |                                           | 200 when it serves                         |
 *
 * A refusal is answered while the client still sends. What it sent is read and thrown away for a moment, so that a
 * client which does not look before it has sent everything (a browser) still gets the answer instead of a reset.
 */
import {
  bodyForPeople,
  fits,
  type Image,
  ImageIdSchema,
  isCutForPeople,
  type Log,
  type Media,
  NanoError,
  Sha256Schema,
} from "@nano/contract";
import { urlOf } from "@nano/http";
import type { Kysely } from "kysely";
import type { BlobStore, Span, StoredBlob } from "../blobs/blobs.ts";
import { attachment } from "../records/file-name.ts";
import { touched } from "../records/records.ts";
import { type FileRow, findFile, type ImagesDatabase } from "../records/store.ts";
import { downloadNameOf } from "../records/view.ts";
import type { Renditions } from "../renditions/renditions.ts";
import type { BlobClaims, DownloadClaims, Tickets, UploadClaims } from "../tickets.ts";
import type { Resumable } from "../uploads/resumable.ts";
import type { Uploads } from "../uploads/uploads.ts";
import { fileResponse } from "./file.ts";
import { readForm } from "./form.ts";
import { createOrigins } from "./origins.ts";
import { problemResponse } from "./problem.ts";
import { answerTus, tusHeaders, tusMethod, tusStatus } from "./tus.ts";

export interface HttpParts {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  readonly tickets: Tickets;
  readonly uploads: Uploads;
  readonly resumable: Resumable;
  readonly renditions: Pick<Renditions, "take">;
  /** Whether it is as it was when it was verified. */
  readonly isTrusted: (blob: StoredBlob) => Promise<boolean>;
  /** Whether a session or token still is. @throws NanoError `unavailable` when nobody can say */
  readonly isLive: (credential: string) => Promise<boolean>;
  readonly view: (row: FileRow) => Image | Media;
}

export interface HttpOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly portalUrl: string;
  /** A transfer that stands still so long is ended, in seconds; at most 255. */
  readonly stallSeconds: number;
  /** Largest file, in bytes. */
  readonly maxBytes: number;
  readonly log: Log;
  /** Undefined until the service has recovered from its life before: requests are answered `unavailable` meanwhile. */
  readonly parts: () => HttpParts | undefined;
}

export interface HttpServer {
  readonly port: number;
  stop(): Promise<void>;
}

const places: readonly string[] = ["upload", "blob", "download"];
const drainBytes = 16 * 2 ** 20;
const drainMs = 2_000;
const stopMs = 1_000;

const safety = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "referrer-policy": "no-referrer",
} as const;

const bearer = (request: Request): string | undefined =>
  /^Bearer ([\w.-]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];

/** Of the request's own body, checked by the server already; undefined for chunked transfer. */
const contentLength = (request: Request): number | undefined => {
  const text = request.headers.get("content-length");
  return text === null ? undefined : Number(text);
};

/** Reads and throws away, bounded in bytes and time. */
const drain = async (body: ReadableStream<Uint8Array> | null): Promise<void> => {
  if (body === null || body.locked) return;
  const reader = body.getReader();
  const enough = Bun.sleep(drainMs).then(() => undefined);
  try {
    for (let read = 0; read < drainBytes; ) {
      const next = await Promise.race([reader.read(), enough]);
      if (next === undefined || next.done) return;
      read += next.value.length;
    }
  } catch {
    // The client is gone: there is nobody to answer.
  } finally {
    reader.releaseLock();
  }
};

export const openHttp = (options: HttpOptions): HttpServer => {
  const { log, portalUrl } = options;
  const origins = createOrigins(portalUrl);

  const refuse = async (request: Request, error: NanoError, status = error.status): Promise<Response> => {
    await drain(request.body);
    const response = problemResponse(error, portalUrl, status);
    // What is left of the body, if anything, is not worth waiting for.
    if (request.body !== null) response.headers.set("connection", "close");
    return response;
  };

  /** A person's ticket ends with the session or token that it was asked for with. @throws NanoError `ticket-invalid` */
  const live = async <C extends UploadClaims | DownloadClaims>(claims: C, parts: HttpParts): Promise<C> => {
    if (claims.credential === undefined || (await parts.isLive(claims.credential))) return claims;
    throw new NanoError("ticket-invalid", "The session or token that this ticket was asked for with has ended");
  };

  const put = async (request: Request, id: string, parts: HttpParts): Promise<Response> => {
    const claims = await live(parts.tickets.readUpload(bearer(request), id), parts);
    // RFC 9110 §14.4: a part that is stored as the whole would be a damaged file.
    if (request.headers.has("content-range"))
      throw new NanoError("malformed-request", "A PUT sends the whole file; this one says that it is a part", {
        remedy: "Send all of it without Content-Range, or in parts by tus 1.0.0 (PATCH with Upload-Offset).",
      });
    const row = await parts.uploads.accept(claims, request.body, {
      exactly: contentLength(request),
      onReceived: () => server.timeout(request, 0),
    });
    return Response.json(parts.view(row));
  };

  const tus = (request: Request, method: string, id: string, parts: HttpParts): Promise<Response> =>
    answerTus({
      request,
      method,
      resumable: parts.resumable,
      claims: () => live(parts.tickets.readUpload(bearer(request), id), parts),
      bodyBytes: contentLength(request),
      onReceived: () => server.timeout(request, 0),
    });

  const post = async (request: Request, id: string, parts: HttpParts): Promise<Response> => {
    const form = await readForm(request);
    const next = origins.next(form.next);
    try {
      const claims = await live(parts.tickets.readUpload(form.ticket, id), parts);
      const row = await parts.uploads.accept(claims, form.file ?? null, {
        atMost: contentLength(request),
        onReceived: () => server.timeout(request, 0),
      });
      return next ? Response.redirect(next.href, 303) : Response.json(parts.view(row));
    } catch (thrown) {
      await form.stop();
      const error = NanoError.from(thrown, "receiving an upload form");
      if (!next) throw error;
      await drain(request.body);
      next.searchParams.set("error", error.code);
      // There is no record that could tell it.
      if (error.details?.forgotten === true) {
        const { message, remedy } = bodyForPeople(error);
        next.searchParams.set("why", message);
        next.searchParams.set("remedy", remedy);
      }
      return new Response(null, { status: 303, headers: { location: next.href, connection: "close" } });
    }
  };

  /** Of the ticket's record, if both are still so. */
  const stored = async (parts: HttpParts, claims: BlobClaims | DownloadClaims) => {
    const { kind, id, sha256 } = claims;
    const row = await findFile(parts.db, kind, id);
    // A ticket does not outlive its record, nor what it was made for.
    const gone = () => new NanoError(`${kind}-not-found`, "The file of this ticket was deleted");
    if (row?.state !== "ready") throw gone();
    const format = claims.purpose === "download" ? claims.format : undefined;
    const content = format === undefined ? row : await parts.renditions.take(row, format);
    if (content.sha256 !== sha256) throw gone();
    const found = await parts.blobs.find(sha256);
    if (found?.bytes !== Number(content.bytes))
      throw new NanoError("image-damaged", `The stored file of '${row.name}' is missing or damaged`);
    if (!(await parts.isTrusted(found))) throw touched(row.name);
    const digest = Buffer.from(sha256, "hex").toString("base64");
    return {
      row,
      file: { bytes: found.bytes, body: (span?: Span) => parts.blobs.body(sha256, span) },
      headers: { etag: `"${sha256}"`, "repr-digest": `sha-256=:${digest}:` },
    };
  };

  const blob = async (request: Request, sha256: string, parts: HttpParts): Promise<Response> => {
    const { file, headers } = await stored(parts, parts.tickets.readBlob(bearer(request), sha256));
    return fileResponse(request, file, {
      ...headers,
      "content-disposition": `attachment; filename="${sha256}"`,
      "cache-control": "private, max-age=31536000, immutable",
    });
  };

  const download = async (request: Request, id: string, parts: HttpParts): Promise<Response> => {
    const claims = await live(parts.tickets.readDownload(bearer(request), id), parts);
    const { row, file, headers } = await stored(parts, claims);
    return fileResponse(request, file, {
      ...headers,
      "content-disposition": attachment(downloadNameOf(row, claims.format)),
      "cache-control": "private, no-store",
    });
  };

  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = urlOf(request);
    const { method } = request;
    const parts = options.parts();
    if (pathname === "/healthz" && (method === "GET" || method === "HEAD"))
      return Response.json({ status: parts ? "ok" : "starting" }, { status: parts ? 200 : 503 });
    if (method === "OPTIONS") return new Response(null, { status: 204 });
    const [, place = "", name = "", ...rest] = pathname.split("/");
    if (rest.length > 0 || !places.includes(place))
      throw new NanoError("unknown-operation", "There is nothing at this address");
    if (!parts) throw new NanoError("unavailable", "The images service is starting");
    if (place === "upload" && fits(ImageIdSchema, name)) {
      const asked = tusMethod(request);
      if (asked) return tus(request, asked, name, parts);
      if (method === "PUT") return put(request, name, parts);
      if (method === "POST") return post(request, name, parts);
    }
    if (place === "download" && fits(ImageIdSchema, name) && (method === "GET" || method === "HEAD"))
      return download(request, name, parts);
    if (place === "blob" && fits(Sha256Schema, name) && (method === "GET" || method === "HEAD"))
      return blob(request, name, parts);
    throw new NanoError("unknown-operation", `There is no ${method} at this address`);
  };

  const server = Bun.serve({
    hostname: options.host,
    port: options.port,
    // No pages with our source code in them for whoever makes us fail.
    development: false,
    // Without development mode Bun shares the port with any other process that asks for it.
    reusePort: false,
    // The limit is the upload's own, told with its reason.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    idleTimeout: options.stallSeconds,
    async fetch(request) {
      const response = await answer(request).catch((thrown) => {
        const error = NanoError.from(thrown, "answering a request");
        if ((error.code === "internal" && error !== thrown) || isCutForPeople(error))
          log.error(error.message, {
            path: URL.parse(request.url)?.pathname,
            details: error.details,
            error: error.cause ?? error,
          });
        return refuse(request, error, tusMethod(request) === undefined ? error.status : tusStatus(error));
      });
      const tusAnswer = URL.parse(request.url)?.pathname.startsWith("/upload/")
        ? tusHeaders(request, options.maxBytes)
        : {};
      for (const [name, value] of Object.entries({ ...safety, ...tusAnswer, ...origins.headersFor(request) }))
        response.headers.set(name, value);
      return response;
    },
  });

  return {
    port: server.port ?? options.port,
    async stop() {
      // Uploads have ended by now; a cell that fetches gets a moment, and resumes elsewhere by a range request.
      await Promise.race([server.stop(), Bun.sleep(stopMs)]);
      await server.stop(true);
    },
  };
};
