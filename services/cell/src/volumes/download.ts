/**
 * A file over HTTP as a stream of chunks, hashed on its way. A connection that breaks or goes silent is made again from
 * where it broke, so one stream into libvirt outlives several connections to the image service.
 */
import { NanoError } from "@nano/contract";
import { AnswerError, certificateRemedy, isCertificateError, whyFailed } from "@nano/http";

export interface DownloadSource {
  readonly url: string;
  /** Bearer token. */
  readonly ticket: string;
}

export interface DownloadOptions {
  /** Asked at each attempt: a newer request may have brought a newer ticket. */
  source(): DownloadSource;
  /** The file's size; more or less is refused. */
  readonly bytes: number;
  readonly sha256: string;
  onProgress(bytesDone: number): void;
  readonly signal: AbortSignal;
  /** Milliseconds of silence after which a connection is given up. */
  readonly silenceMs?: number;
  /** Attempts in a row without a single byte. */
  readonly attempts?: number;
  /** The first pause between attempts, in milliseconds; each further one doubles. */
  readonly pauseMs?: number;
}

/** What the server says for good; asking again changes nothing. */
const isFinal = (status: number): boolean => status >= 400 && status < 500 && status !== 408 && status !== 429;

/**
 * Yields the file's bytes, in order, once.
 * @throws NanoError `checksum-mismatch` after the last byte when they are not the promised ones, `unavailable` when the server cannot be had
 */
export async function* download(options: DownloadOptions): AsyncGenerator<Uint8Array, void, void> {
  const { bytes, signal, silenceMs = 30_000, attempts = 6, pauseMs = 200 } = options;
  // The runtime's fetch would read files of this machine, too.
  if (!/^https?:$/.test(URL.parse(options.source().url)?.protocol ?? ""))
    throw new NanoError("unavailable", "The file's address is no HTTP URL");
  const hash = new Bun.CryptoHasher("sha256");
  let offset = 0;
  let failures = 0;
  while (offset < bytes) {
    const before = offset;
    let cause: unknown = new AnswerError("it ends early");
    try {
      for await (const chunk of connection(options.source(), offset, signal, silenceMs)) {
        offset += chunk.length;
        if (offset > bytes) throw mismatch("The file is larger than promised");
        hash.update(chunk);
        yield chunk;
        options.onProgress(offset);
      }
    } catch (error) {
      if (error instanceof NanoError) throw error;
      signal.throwIfAborted();
      cause = error;
    }
    if (offset === bytes) break;
    failures = offset > before ? 1 : failures + 1;
    if (failures >= attempts)
      throw new NanoError("unavailable", `The image service does not deliver the file: ${whyFailed(cause)}`, {
        cause,
        ...(isCertificateError(cause) ? { remedy: certificateRemedy } : {}),
      });
    await Bun.sleep(pauseMs * 2 ** (failures - 1));
  }
  if (hash.digest("hex") !== options.sha256) throw mismatch("The file's bytes do not have the promised SHA-256");
}

const mismatch = (message: string): NanoError => new NanoError("checksum-mismatch", message);

async function* connection(
  { url, ticket }: DownloadSource,
  offset: number,
  outer: AbortSignal,
  silenceMs: number,
): AsyncGenerator<Uint8Array, void, void> {
  const silence = new AbortController();
  let timer: Timer | undefined;
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new AnswerError(`it says nothing for ${silenceMs / 1_000} s`)), silenceMs);
  };
  heard();
  try {
    const headers = { authorization: `Bearer ${ticket}`, ...(offset > 0 ? { range: `bytes=${offset}-` } : {}) };
    const response = await fetch(url, { headers, redirect: "error", signal: AbortSignal.any([outer, silence.signal]) });
    if (!response.ok || !response.body) {
      if (isFinal(response.status))
        throw new NanoError("unavailable", `The image service refuses the file (HTTP ${response.status})`);
      throw new AnswerError(`it answers HTTP ${response.status}`);
    }
    // A server that does not know ranges begins anew: what we have is skipped.
    let skip = response.status === 206 ? 0 : offset;
    for await (const chunk of response.body) {
      heard();
      if (skip >= chunk.length) {
        skip -= chunk.length;
        continue;
      }
      const fresh = skip > 0 ? chunk.subarray(skip) : chunk;
      skip = 0;
      yield fresh;
      // The consumer may have taken its time: that was not the server's silence.
      heard();
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}
