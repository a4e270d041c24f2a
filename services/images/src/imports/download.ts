/**
 * A file from a stranger's HTTP server. Each connection goes to an address that was looked at before: the name is
 * resolved here, and the address, not the name, is what `fetch` gets, so a name that resolves to something else a
 * moment later (DNS rebinding) changes nothing. Redirects are followed by hand, each as guarded as the first URL. A
 * connection that breaks or goes silent is made again from where it broke, if the server says that the file is still
 * the same.
 */
import { lookup } from "node:dns/promises";
import { setTimeout as setTimeoutAsync } from "node:timers/promises";
import { NanoError } from "@nano/contract";
import { AnswerError, certificateRemedy, isCertificateError, whyFailed } from "@nano/http";
import { streamOf } from "../streams.ts";
import { mayFetchFrom, type Network } from "./addresses.ts";
import { trustedCertificates } from "./trust.ts";

export interface DownloadRules {
  /** Networks that are allowed although they are not public. */
  readonly allowed: readonly Network[];
  /** All addresses of a host name. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** Milliseconds of silence after which a connection is given up. */
  readonly silenceMs: number;
  /** A server that sends less than this in that many milliseconds is given up. What the reader takes is not counted. */
  readonly leastBytes: number;
  readonly leastMs: number;
  /**
   * Attempts in a row without a single byte, and the first pause between them in milliseconds; each further one
   * doubles.
   */
  readonly attempts: number;
  readonly pauseMs: number;
  /** Certificates to trust instead of the machine's. */
  readonly tls?: { readonly ca: string };
}

export const defaultRules: Omit<DownloadRules, "allowed"> = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  silenceMs: 30_000,
  leastBytes: 64 * 1024,
  leastMs: 300_000,
  attempts: 6,
  pauseMs: 500,
};

export interface Wanted {
  readonly url: string;
  /** The file's SHA-256 is promised and will be checked: then it may come without TLS. */
  readonly promised: boolean;
}

export interface Download {
  /** Of the file, in bytes, if the server says so. */
  readonly bytes: number | undefined;
  readonly body: ReadableStream<Uint8Array>;
}

const redirectsAtMost = 5;
const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);
/** The server may do better when it is asked again. */
const isPassing = (status: number): boolean => status >= 500 || status === 408 || status === 429;

const refused = (message: string, remedy?: string) =>
  new NanoError("import-refused", message, remedy ? { remedy } : {});
const failed = (message: string, cause?: unknown) =>
  new NanoError("import-failed", message, {
    cause,
    ...(isCertificateError(cause) ? { remedy: certificateRemedy } : {}),
  });

/** What can be said about a URL before anybody is asked. @throws NanoError `import-refused` */
export const readImportUrl = (text: string, promised: boolean): URL => {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) throw refused(`'${text.slice(0, 100)}' is no HTTP or HTTPS URL`);
  if (url.username !== "" || url.password !== "")
    throw refused("The URL carries a user name or a password, which would be stored and shown");
  if (url.protocol === "http:" && !promised)
    throw refused(
      `Without TLS nobody knows whose bytes ${url.host} sends`,
      "Use an https URL, or give the SHA-256 that the file must have.",
    );
  return url;
};

/**
 * Connects, and answers as soon as the file begins.
 * @throws NanoError `import-refused`, `import-failed`; the body throws them, too
 */
export const download = async (wanted: Wanted, rules: DownloadRules, signal: AbortSignal): Promise<Download> => {
  let failures = 0;
  const patiently = async (from: Position): Promise<Part> => {
    for (;;) {
      try {
        return await connect(wanted, rules, signal, from);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof NanoError) throw error;
        if (++failures >= rules.attempts || isCertificateError(error))
          throw failed(`${hostOf(wanted.url)} does not deliver the file: ${whyFailed(error)}`, error);
        await pause(rules.pauseMs * 2 ** (failures - 1), signal);
      }
    }
  };

  const first = await patiently({ offset: 0 });
  const { total } = first;
  async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
    let part = first;
    let offset = 0;
    for (;;) {
      const before = offset;
      let cause: unknown;
      try {
        for await (const piece of part.pieces) {
          offset += piece.length;
          yield piece;
        }
        if (total === undefined || offset >= total) return;
        cause = new AnswerError(`it ends after ${offset} of ${total} bytes`);
      } catch (error) {
        if (error instanceof NanoError) throw error;
        cause = error;
      }
      signal.throwIfAborted();
      if (first.validator === undefined && !wanted.promised)
        throw failed(
          `The connection broke after ${offset} bytes (${whyFailed(cause)}), and the server does not say whether its file stays the same`,
          cause,
        );
      if (offset > before) failures = 0;
      else if (++failures >= rules.attempts)
        throw failed(`${hostOf(wanted.url)} has stopped delivering the file: ${whyFailed(cause)}`, cause);
      await pause(rules.pauseMs, signal);
      part = await patiently({ offset, validator: first.validator, total });
    }
  }
  return { bytes: total, body: streamOf(pieces()) };
};

interface Position {
  readonly offset: number;
  readonly validator?: string | undefined;
  readonly total?: number | undefined;
}

interface Part {
  /** Of the whole file, in bytes. */
  readonly total: number | undefined;
  /** What says that the file is still the same: a strong ETag, or the time of its last change. */
  readonly validator: string | undefined;
  readonly pieces: AsyncGenerator<Uint8Array, void, void>;
}

/** @throws NanoError for what will not change, anything else for what may */
const connect = async (wanted: Wanted, rules: DownloadRules, outer: AbortSignal, from: Position): Promise<Part> => {
  const silence = new AbortController();
  const signal = AbortSignal.any([outer, silence.signal]);
  let timer: Timer | undefined;
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => silence.abort(new AnswerError(`it says nothing for ${rules.silenceMs / 1_000} s`)),
      rules.silenceMs,
    );
  };
  const end = (): void => {
    clearTimeout(timer);
    silence.abort();
  };
  heard();
  try {
    const response = await follow(wanted, rules, signal, from);
    const { body } = response;
    if (!body) throw new AnswerError("it answers without a file");
    const part = readHead(response, from);
    let skip = part.skip;
    async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
      try {
        const speed = createSpeed(rules);
        for await (const piece of body as ReadableStream<Uint8Array>) {
          heard();
          if (speed.isTooSlow(piece.length))
            throw failed(
              `${hostOf(wanted.url)} is too slow: it sends less than ${rules.leastBytes / 1024} KiB in ${rules.leastMs / 1_000} s`,
            );
          const fresh = piece.subarray(Math.min(skip, piece.length));
          skip -= piece.length - fresh.length;
          if (fresh.length > 0) yield fresh;
          // Whoever reads may have taken its time: that was not the server's silence.
          heard();
          speed.waits();
        }
      } finally {
        end();
      }
    }
    return { ...part, pieces: pieces() };
  } catch (error) {
    end();
    throw error;
  }
};

const follow = async (wanted: Wanted, rules: DownloadRules, signal: AbortSignal, from: Position): Promise<Response> => {
  let url = readImportUrl(wanted.url, wanted.promised);
  for (let redirects = 0; redirects <= redirectsAtMost; redirects++) {
    const response = await ask(url, rules, signal, from).catch((thrown) => {
      throw redirects === 0 || !(thrown instanceof NanoError) ? thrown : redirected(wanted.url, thrown);
    });
    if (!isRedirect(response.status)) return response;
    await response.body?.cancel();
    const next = URL.parse(response.headers.get("location") ?? "", url.href);
    if (!next) throw failed(`${url.host} redirects to nowhere`);
    try {
      url = readImportUrl(next.href, wanted.promised);
    } catch (thrown) {
      throw redirected(wanted.url, thrown);
    }
  }
  throw refused(`${hostOf(wanted.url)} redirects more than ${redirectsAtMost} times`);
};

/** What is wrong with where a redirect leads. */
const redirected = (from: string, thrown: unknown): NanoError => {
  const { code, message, remedy } = NanoError.from(thrown, "following a redirect");
  return new NanoError(code, `${hostOf(from)} redirects: ${message}`, { remedy, cause: thrown });
};

/** One request, to an address that was looked at. */
const ask = async (url: URL, rules: DownloadRules, signal: AbortSignal, from: Position): Promise<Response> => {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const addresses = await rules.resolve(host).catch((cause) => {
    throw failed(`${host} cannot be reached: ${whyFailed(cause)}`, cause);
  });
  const address = addresses.find((each) => mayFetchFrom(each, rules.allowed));
  if (address === undefined)
    throw refused(
      `${host} is at no public address`,
      "Use a public URL, or have the operator allow its network with NANO_IMAGES_IMPORT_ALLOW.",
    );
  const pinned = new URL(url);
  pinned.hostname = address.includes(":") ? `[${address}]` : address;
  pinned.hash = "";
  const headers = new Headers({ host: url.host, "accept-encoding": "identity", "user-agent": "nano-images" });
  if (from.offset > 0) {
    headers.set("range", `bytes=${from.offset}-`);
    if (from.validator !== undefined) headers.set("if-range", from.validator);
  }
  // The certificate must be the name's, not the address's.
  const tls = url.protocol === "https:" ? { tls: { ca: trustedCertificates(), ...rules.tls, serverName: host } } : {};
  return await fetch(pinned.href, {
    headers,
    redirect: "manual",
    decompress: false,
    signal,
    ...tls,
  } as BunFetchRequestInit);
};

const readHead = (response: Response, from: Position): Omit<Part, "pieces"> & { skip: number } => {
  const { status, headers } = response;
  if (status !== 200 && status !== 206) {
    if (isPassing(status)) throw new AnswerError(`it answers HTTP ${status}`);
    throw failed(`The server does not deliver the file: it answers HTTP ${status}`);
  }
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") throw failed(`The server sends the file encoded as ${encoding.slice(0, 32)}`);
  const etag = headers.get("etag");
  const validator = (etag?.startsWith('"') ? etag : undefined) ?? headers.get("last-modified") ?? undefined;
  if (status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "");
    if (
      from.offset === 0 ||
      Number(range?.[1]) !== from.offset ||
      (from.total !== undefined && Number(range?.[2]) !== from.total)
    )
      throw failed("The server answered another range than the one asked for");
    return { total: Number(range?.[2]), validator, skip: 0 };
  }
  const length = headers.get("content-length");
  const total = length === null ? undefined : Number(length);
  if (from.offset > 0 && (validator !== from.validator || total !== from.total))
    throw failed("The file changed on the server while it was fetched");
  return { total, validator, skip: from.offset };
};

const hostOf = (url: string): string => URL.parse(url)?.host ?? "The server";

/** @throws the signal's reason when it comes first */
const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  await setTimeoutAsync(ms, undefined, { signal }).catch(() => {});
  signal.throwIfAborted();
};

/** Counts what arrives while the server is waited for. */
const createSpeed = ({ leastBytes, leastMs }: DownloadRules) => {
  let [bytes, waited] = [0, 0];
  let since = performance.now();
  return {
    isTooSlow(arrived: number): boolean {
      bytes += arrived;
      waited += performance.now() - since;
      if (waited < leastMs) return false;
      const slow = bytes < leastBytes;
      [bytes, waited] = [0, 0];
      return slow;
    },
    waits(): void {
      since = performance.now();
    },
  };
};
