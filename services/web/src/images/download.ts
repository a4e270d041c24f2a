/**
 * A person's download: an ordinary link, so that a browser shows, pauses and resumes it, and it works without
 * JavaScript. The portal passes the bytes through, a piece at a time: a link can carry no ticket but in its address,
 * where histories and logs would keep it.
 */
import { NanoError } from "@nano/contract";
import { whyFailed } from "@nano/http";
import type { Visit } from "../http/visit.ts";
import type { Kind } from "./kinds.ts";

const asked = ["range", "if-range", "if-none-match"];
const answered = ["content-length", "content-range", "accept-ranges", "etag", "repr-digest", "cache-control"];
/** What is the file, a part of it, or a word on the part that was asked for. */
const passed: readonly number[] = [200, 206, 304, 416];

const pick = (from: Headers, names: readonly string[]): Headers => {
  const picked = new Headers();
  for (const name of names) {
    const value = from.get(name);
    if (value !== null) picked.set(name, value);
  }
  return picked;
};

const octets = "application/octet-stream";
/** A file, or several ranges of it; and always one that is saved, never shown. */
const asFile = (from: Headers): Headers => {
  const headers = pick(from, answered);
  const parts = /^multipart\/byteranges; boundary=[A-Za-z0-9-]{1,70}$/.exec(from.get("content-type") ?? "");
  headers.set("content-type", parts?.[0] ?? octets);
  const disposition = from.get("content-disposition") ?? "";
  headers.set(
    "content-disposition",
    /^attachment\b[\x20-\x7e]{0,2000}$/.test(disposition) ? disposition : "attachment",
  );
  return headers;
};

/** @throws NanoError as the image service refused the ticket; `unavailable` when the file cannot be had */
export const download =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const { url, ticket } = await kind.download(visit);
    const { request } = visit.facts;
    const headers = pick(request.headers, asked);
    headers.set("authorization", `Bearer ${ticket}`);
    const answer = await fetch(url, { headers, redirect: "error", signal: request.signal }).catch((cause) => {
      throw new NanoError("unavailable", `The image service cannot be reached: ${whyFailed(cause)}`, { cause });
    });
    if (passed.includes(answer.status))
      return new Response(answer.body, { status: answer.status, headers: asFile(answer.headers) });
    await answer.body?.cancel();
    throw new NanoError("unavailable", `The image service answered the download with ${answer.status}`);
  };
