/** A request's body, bounded in size and time: one that trickles in, has no end or breaks off keeps nobody busy. */
import { NanoError } from "@nano/contract";

export interface BodyLimits {
  readonly maxBytes: number;
  /** How long the whole of it may take to arrive, in milliseconds. */
  readonly deadlineMs?: number;
}

/** Enough for the largest form over a slow line. */
export const bodyDeadlineMs = 10_000;

const tooLarge = (maxBytes: number) =>
  new NanoError("payload-too-large", `The body is larger than ${Math.floor(maxBytes / 1024)} KiB`);

/**
 * @throws NanoError `payload-too-large`; `malformed-request` when it did not arrive in time, or the client hung up
 */
export const readBody = async (
  request: Request,
  { maxBytes, deadlineMs = bodyDeadlineMs }: BodyLimits,
): Promise<Uint8Array> => {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (request.body === null) return new Uint8Array();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new NanoError("malformed-request", `The body did not arrive within ${deadlineMs / 1000} s`)),
    deadlineMs,
  );
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      if (done) return Buffer.concat(parts);
      bytes += value.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      parts.push(value);
    }
  } catch (thrown) {
    // What was not read is not wanted any more.
    reader.cancel().catch(() => {});
    if (thrown instanceof NanoError) throw thrown;
    throw new NanoError("malformed-request", "The connection ended before the body was whole");
  } finally {
    clearTimeout(timer);
  }
};

const utf8 = new TextDecoder("utf-8", { fatal: true });
/** @throws NanoError `malformed-request` */
export const utf8Of = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new NanoError("malformed-request", "The body is not UTF-8");
  }
};
