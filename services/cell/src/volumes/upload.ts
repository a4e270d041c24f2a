/**
 * A file of known length to an HTTP server, hashed on its way: sent once and whole, or not at all. What the server
 * refuses is refused in its own words, with its own code.
 */
import { fits, isErrorCode, NanoError, Sha256Schema, Type } from "@nano/contract";
import { AnswerError, certificateRemedy, isCertificateError, whyFailed } from "@nano/http";
import type { UploadTarget } from "../hypervisor.ts";

export interface UploadOptions {
  readonly target: UploadTarget;
  readonly body: ReadableStream<Uint8Array>;
  /** How many the body has. */
  readonly bytes: number;
  onProgress(bytesDone: number): void;
  readonly signal: AbortSignal;
  /** Milliseconds without a byte taken after which the connection is given up. */
  readonly silenceMs?: number;
  /** How long the server may look at the file when it has it, in milliseconds. */
  readonly verdictMs?: number;
}

/** What is read of the answer; there is more. */
const Stored = Type.Object({ sha256: Sha256Schema });
const Refusal = Type.Object({
  code: Type.String(),
  detail: Type.String(),
  remedy: Type.String(),
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

/** @throws NanoError as the server refused it, `unavailable` when it cannot be had, `checksum-mismatch` */
export const upload = async (options: UploadOptions): Promise<void> => {
  const { target, bytes, signal, silenceMs = 60_000, verdictMs = 30 * 60_000 } = options;
  // The runtime's fetch knows more schemes than those.
  if (!/^https?:$/.test(URL.parse(target.url)?.protocol ?? "")) {
    await options.body.cancel();
    throw new NanoError("unavailable", "The image service's address is no HTTP URL");
  }
  const silence = new AbortController();
  let timer: Timer | undefined;
  const patience = (milliseconds: number): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => silence.abort(new AnswerError(`it says nothing for ${milliseconds / 1_000} s`)),
      milliseconds,
    );
  };
  const hash = new Bun.CryptoHasher("sha256");
  const reader = options.body.getReader();
  let done = 0;
  let unreadable: NanoError | undefined;
  const next = async (): Promise<Uint8Array | undefined> => {
    try {
      const { value } = await reader.read();
      if (done + (value?.length ?? 0) > bytes || (!value && done < bytes))
        throw new Error(`It does not have ${bytes} bytes`);
      return value;
    } catch (cause) {
      unreadable = new NanoError("hypervisor-failed", `The copy could not be read beyond byte ${done}`, { cause });
      throw unreadable;
    }
  };
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        patience(done < bytes ? silenceMs : verdictMs);
        const chunk = await next();
        if (!chunk) return controller.close();
        hash.update(chunk);
        controller.enqueue(chunk);
        done += chunk.length;
        options.onProgress(done);
      },
    },
    { highWaterMark: 0 },
  );
  patience(silenceMs);
  try {
    const response = await fetch(target.url, {
      method: "PUT",
      headers: { authorization: `Bearer ${target.ticket}`, "content-length": String(bytes) },
      body,
      redirect: "error",
      signal: AbortSignal.any([signal, silence.signal]),
      timeout: false,
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw refused(response.status, answer);
    if (fits(Stored, answer) && answer.sha256 === hash.digest("hex")) return;
    throw new NanoError("checksum-mismatch", "What the image service has stored is not what was sent", {
      remedy: "Export the disk again.",
    });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof NanoError) throw error;
    if (unreadable) throw unreadable;
    const why = `${whyFailed(error)}; ${done} of ${bytes} bytes were sent`;
    throw new NanoError("unavailable", `The image service did not take the file: ${why}`, {
      cause: error,
      ...(isCertificateError(error) ? { remedy: certificateRemedy } : {}),
    });
  } finally {
    clearTimeout(timer);
    // Whoever reads us may have stopped long before the end.
    reader.cancel().catch(() => {});
  }
};

/** As the server says; a status of something in between is no verdict. */
const refused = (status: number, answer: unknown): NanoError => {
  if (!fits(Refusal, answer) || !isErrorCode(answer.code))
    return new NanoError("unavailable", `The image service does not take the file (HTTP ${status})`);
  const { code, detail, remedy, details } = answer;
  // It was stopped meanwhile, not the file's fault.
  if (code === "upload-incomplete") return new NanoError("unavailable", detail);
  return new NanoError(code, detail, { remedy, ...(details === undefined ? {} : { details }) });
};
