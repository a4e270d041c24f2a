/**
 * The tus 1.0.0 protocol (https://tus.io/protocols/resumable-upload) over an upload that the ticket names, with the
 * extensions creation, creation-defer-length, expiration, termination and checksum. The record was made by
 * `image.create` or `media.create`, so there is nothing to create here: a client that knows only an endpoint may POST
 * to the upload's own URL, and is told that very URL.
 *
 * | method    | answers                                                                                        |
 * |-----------|------------------------------------------------------------------------------------------------|
 * | `OPTIONS` | 204 with what is supported                                                                     |
 * | `POST`    | 201, the length noted                                                                          |
 * | `HEAD`    | 200 with `Upload-Offset`; 410 when the upload has failed                                       |
 * | `PATCH`   | 204 with the new offset; after the last byte when the file is checked and stored               |
 * | `DELETE`  | 204, nothing of it is kept                                                                     |
 *
 * 409: another offset; 412: another version; 423: another request writes to it; 460: the body is not what its checksum
 * says.
 */
import { NanoError } from "@nano/contract";
import type { UploadClaims } from "../tickets.ts";
import { type BodyChecksum, BodyDamaged, UploadGone, type UploadStatus } from "../uploads/pieces.ts";
import type { Resumable } from "../uploads/resumable.ts";

const version = "1.0.0";
const bodyType = "application/offset+octet-stream";

export interface TusRequest {
  readonly request: Request;
  readonly method: string;
  readonly resumable: Resumable;
  /** @throws NanoError `ticket-invalid` */
  readonly claims: () => Promise<UploadClaims>;
  /** Of the body, if it is said, in bytes. */
  readonly bodyBytes: number | undefined;
  /** The last byte has come; the answer may take a while. */
  readonly onReceived: () => void;
}

/** What the method is: some clients and proxies know only POST. Undefined when the request is no tus request. */
export const tusMethod = (request: Request): string | undefined => {
  // Only of a POST: a proxy or a browser lets a GET through, and counts on it that it changes nothing.
  const override = request.method === "POST" ? request.headers.get("x-http-method-override")?.toUpperCase() : undefined;
  const asked = override ?? request.method;
  if (asked === "PATCH" || asked === "HEAD" || asked === "DELETE") return asked;
  return asked === "POST" && request.headers.has("tus-resumable") ? asked : undefined;
};

/** On every answer that has to do with uploads. */
export const tusHeaders = (request: Request, maxBytes: number): Readonly<Record<string, string>> => ({
  "tus-resumable": version,
  ...(request.method === "OPTIONS"
    ? {
        "tus-version": version,
        "tus-extension": "creation,creation-defer-length,expiration,termination,checksum",
        "tus-checksum-algorithm": "sha1,sha256",
        "tus-max-size": String(maxBytes),
      }
    : {}),
});

/** Where the protocol wants another status than the REST API has for the same refusal. */
export const tusStatus = (error: NanoError): number => {
  if (error instanceof WrongVersion) return 412;
  if (error instanceof UploadGone) return 410;
  if (error instanceof BodyDamaged) return 460;
  // The service stops, or another connection took over: what arrived is kept, and asking again is right.
  if (error.code === "upload-incomplete") return 503;
  return error.code === "upload-in-progress" ? 423 : error.status;
};

class WrongVersion extends NanoError {}

/** @throws NanoError */
export const answerTus = async ({ request, method, resumable, ...more }: TusRequest): Promise<Response> => {
  if (request.headers.get("tus-resumable") !== version)
    throw new WrongVersion("malformed-request", `This is no request of tus ${version}`, {
      remedy: `Send the header Tus-Resumable: ${version}.`,
    });
  const claims = await more.claims();
  switch (method) {
    case "HEAD":
      return new Response(null, { headers: headersOf(await resumable.status(claims)) });
    case "POST": {
      const length = sizeIn(request, "upload-length");
      const status = length === undefined ? await resumable.status(claims) : await resumable.announce(claims, length);
      return new Response(null, {
        status: 201,
        headers: { location: new URL(request.url).pathname, ...expiry(status) },
      });
    }
    case "DELETE":
      await resumable.terminate(claims);
      return new Response(null, { status: 204 });
    default: {
      if (request.headers.get("content-type")?.toLowerCase() !== bodyType)
        throw new NanoError("unsupported-media-type", "The bytes of a resumable upload have a type of their own", {
          remedy: `Send the header Content-Type: ${bodyType}.`,
        });
      const offset = sizeIn(request, "upload-offset");
      if (offset === undefined) throw badHeader("upload-offset");
      const { body } = request;
      const { bodyBytes, onReceived } = more;
      const length = sizeIn(request, "upload-length");
      const checksum = checksumOf(request);
      const status = await resumable.append(claims, { offset, length, body, bodyBytes, checksum, onReceived });
      return new Response(null, { status: 204, headers: headersOf(status) });
    }
  }
};

const headersOf = (status: UploadStatus): Record<string, string> => ({
  "upload-offset": String(status.offset),
  ...(status.length === undefined ? { "upload-defer-length": "1" } : { "upload-length": String(status.length) }),
  ...expiry(status),
  "cache-control": "no-store",
});

const expiry = ({ until }: UploadStatus): Record<string, string> =>
  until === undefined ? {} : { "upload-expires": new Date(until).toUTCString() };

const badHeader = (name: string) =>
  new NanoError("malformed-request", `The header ${name} is missing, or not what it should be`);

const sizeIn = (request: Request, name: string): number | undefined => {
  const text = request.headers.get(name);
  if (text === null) return undefined;
  const size = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(size)) throw badHeader(name);
  return size;
};

const digestBytes = { sha1: 20, sha256: 32 } as const;

const checksumOf = (request: Request): BodyChecksum | undefined => {
  const text = request.headers.get("upload-checksum");
  if (text === null) return undefined;
  const [name, encoded = ""] = text.split(" ");
  const algorithm = name === "sha1" || name === "sha256" ? name : undefined;
  const digest = Buffer.from(encoded, "base64");
  if (algorithm === undefined || digest.length !== digestBytes[algorithm]) throw badHeader("upload-checksum");
  return { algorithm, digest };
};
