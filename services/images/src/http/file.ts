/**
 * A stored file as an answer (RFC 9110 §13 and §14): whole, one range of it or several, or nothing for who has it
 * already.
 */

import { asStream, type Span } from "../blobs/blobs.ts";
import { streamOf } from "../streams.ts";

export interface AnswerFile {
  readonly bytes: number;
  body(span?: Span): Blob | ReadableStream<Uint8Array>;
}

/** Nobody who resumes a download needs more at once. */
const maxRanges = 16;

/**
 * The ranges that a `Range` header asks for; none when all of them lie behind the end; undefined when it is to be
 * ignored: not of bytes, malformed, too many, or more in all than there is.
 */
export const rangesOf = (header: string, size: number): readonly Span[] | undefined => {
  const list = /^bytes\s*=\s*(.*)$/i.exec(header.trim())?.[1];
  if (list === undefined) return undefined;
  const specs = list.split(",").map((spec) => spec.trim());
  if (specs.length > maxRanges) return undefined;
  const spans: Span[] = [];
  for (const spec of specs) {
    const [, first = "", last = ""] = /^(\d*)\s*-\s*(\d*)$/.exec(spec) ?? [];
    if (first === "" && last === "") return undefined;
    const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
    const to = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
    if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
    if (from < to) spans.push({ from, to });
  }
  return spans.length > 1 && spans.reduce((sum, { from, to }) => sum + to - from, 0) > size ? undefined : spans;
};

const contentRange = ({ from, to }: Span, size: number) => `bytes ${from}-${to - 1}/${size}`;

/** `multipart/byteranges`, made as it is read. */
const inParts = (file: AnswerFile, spans: readonly Span[], boundary: string): ReadableStream<Uint8Array> => {
  const text = new TextEncoder();
  return streamOf(
    (async function* () {
      for (const span of spans) {
        yield text.encode(
          `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: ${contentRange(span, file.bytes)}\r\n\r\n`,
        );
        yield* asStream(file.body(span));
      }
      yield text.encode(`\r\n--${boundary}--\r\n`);
    })(),
  );
};

/** @param more of every answer that has the file, or would have it: at least its `etag`, a strong one, in quotes */
export const fileResponse = (
  request: Request,
  file: AnswerFile,
  more: Readonly<Record<string, string>> & { readonly etag: string },
): Response => {
  const headers = { "content-type": "application/octet-stream", "accept-ranges": "bytes", ...more };
  const { etag } = more;
  if (request.headers.get("if-none-match")?.includes(etag)) return new Response(null, { status: 304, headers });
  const range = request.method === "GET" ? request.headers.get("range") : null;
  const condition = request.headers.get("if-range");
  // Of another file than the one it has a part of, it gets all.
  const spans = range === null || (condition !== null && condition !== etag) ? undefined : rangesOf(range, file.bytes);
  if (spans === undefined) return new Response(file.body(), { headers });
  const [only, ...others] = spans;
  if (only === undefined)
    return new Response(null, { status: 416, headers: { ...headers, "content-range": `bytes */${file.bytes}` } });
  if (others.length === 0)
    return new Response(file.body(only), {
      status: 206,
      headers: { ...headers, "content-range": contentRange(only, file.bytes) },
    });
  const boundary = crypto.randomUUID();
  return new Response(inParts(file, spans, boundary), {
    status: 206,
    headers: { ...headers, "content-type": `multipart/byteranges; boundary=${boundary}` },
  });
};
