/**
 * A browser's own upload form, read as a stream: `multipart/form-data` (RFC 7578) with the hidden fields `ticket` and,
 * if wanted, `next` before the file. The file's name and type are what the client says, and are not even looked at.
 */
import type { Readable } from "node:stream";
import { Busboy } from "@fastify/busboy";
import { NanoError } from "@nano/contract";
import { streamOf } from "../streams.ts";

export interface UploadForm {
  readonly ticket: string | undefined;
  readonly next: string | undefined;
  /** The file's bytes; it fails when the request ends early. Undefined: the form has no file. */
  readonly file: ReadableStream<Uint8Array> | undefined;
  /** Ends the reading, wherever it is; the request's body may be read by others then. */
  stop(): Promise<void>;
}

const limits = {
  fieldNameSize: 64,
  fieldSize: 4096,
  fields: 8,
  files: 1,
  parts: 9,
  headerPairs: 32,
  headerSize: 16 * 1024,
} as const;
/** A form that has said so much without coming to its file is not one. */
const maxPreambleBytes = 1024 * 1024;

const malformed = (cause: unknown) =>
  new NanoError("malformed-request", "The upload form could not be read", {
    remedy: "Send multipart/form-data with the field 'ticket' before the file.",
    cause,
  });

/** @throws NanoError `malformed-request`, `unsupported-media-type` */
export const readForm = async (request: Request): Promise<UploadForm> => {
  const type = request.headers.get("content-type") ?? "";
  if (!/^multipart\/form-data\s*;/i.test(type) || request.body === null)
    throw new NanoError("unsupported-media-type", "An upload form is sent as multipart/form-data", {
      remedy: "Use a form with enctype=multipart/form-data, or PUT the file's bytes.",
    });
  const body = request.body;
  const fields: { ticket?: string; next?: string } = {};
  const begun = Promise.withResolvers<Readable | undefined>();
  const stopped = Promise.withResolvers<"stopped">();
  const parser = openParser(type);
  let file: Readable | undefined;

  parser.on("field", (name, value, nameCut, valueCut) => {
    if (nameCut || valueCut || file) return;
    if (name === "ticket") fields.ticket = value;
    else if (name === "next") fields.next = value;
  });
  parser.on("file", (_name, stream) => {
    file = stream;
    // Whoever reads the stream hears of its failure; before that nobody does.
    stream.on("error", () => {});
    begun.resolve(stream);
  });
  parser.on("finish", () => begun.resolve(undefined));
  parser.on("error", (error) => {
    begun.reject(malformed(error));
    file?.destroy(malformed(error));
  });

  const pump = async () => {
    const reader = body.getReader();
    let read = 0;
    try {
      for (;;) {
        const next = await Promise.race([reader.read(), stopped.promise]);
        if (next === "stopped") return;
        if (next.done) break;
        // The parser tells of the file a little after the piece that it begins in.
        if (!file && read > maxPreambleBytes) throw malformed(undefined);
        read += next.value.length;
        if (parser.write(next.value)) continue;
        const drained = new Promise<"drained">((done) => parser.once("drain", () => done("drained")));
        if ((await Promise.race([drained, stopped.promise])) === "stopped") return;
      }
      parser.end();
    } catch (error) {
      const failure =
        error instanceof NanoError
          ? error
          : new NanoError("upload-incomplete", "The client went away within the form", { cause: error });
      begun.reject(failure);
      file?.destroy(failure);
    } finally {
      reader.releaseLock();
    }
  };
  const pumping = pump();
  const stop = async () => {
    stopped.resolve("stopped");
    await pumping;
    file?.destroy();
  };

  try {
    const stream = await begun.promise;
    return { ticket: fields.ticket, next: fields.next, file: stream && streamOf(stream), stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

const openParser = (type: string) => {
  try {
    return Busboy({ headers: { "content-type": type }, limits });
  } catch (error) {
    throw malformed(error);
  }
};
