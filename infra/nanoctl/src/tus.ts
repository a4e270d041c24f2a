/**
 * Sends a file by tus 1.0.0, from where it stopped, in pieces that take about a second each; comes back when the
 * network or the service was away.
 */
import type { UploadTicket } from "@nano/contract";
import { whyFailed } from "@nano/http";
import { Problem } from "./problem.ts";

const MiB = 2 ** 20;
const pieceBytes = { first: MiB, least: 256 * 1024, most: 64 * MiB } as const;
const patience = { tries: 8, longestMs: 15_000 } as const;
const comesBack = new Set([409, 423, 429, 460, 500, 502, 503, 504]);

export interface SendOptions {
  readonly ticket: UploadTicket;
  /** A fresh ticket, when this one is worth nothing any more. */
  readonly renew: () => Promise<UploadTicket>;
  /** The first one tells where it begins. */
  readonly onProgress: (bytes: number) => void;
  readonly sleep?: (ms: number) => Promise<void>;
}

/** What the service says, if it was the service: a proxy's page is nobody's business. */
const problemOf = async (response: Response): Promise<Problem> => {
  const said: unknown = await response.json().catch(() => undefined);
  const text = (name: string): string | undefined => {
    const value = typeof said === "object" && said !== null ? Reflect.get(said, name) : undefined;
    return typeof value === "string" ? value : undefined;
  };
  return new Problem(text("detail") ?? `the image service answers ${response.status}`, text("remedy"));
};

/** Later it may work. */
class Later extends Error {}

/** @throws {Problem} when it is refused, or nobody answers for a while: what arrived is kept then */
export const sendFile = async (path: string, options: SendOptions): Promise<void> => {
  const file = Bun.file(path);
  const { sleep = Bun.sleep } = options;
  let { ticket } = options;
  let step: number = pieceBytes.first;

  const ask = async (method: string, headers: Record<string, string>, body?: Blob): Promise<Response> => {
    const sent = { authorization: `Bearer ${ticket.ticket}`, "tus-resumable": "1.0.0", ...headers };
    const response = await fetch(ticket.url, { method, headers: sent, ...(body ? { body } : {}) }).catch((error) => {
      throw new Later(`the connection failed: ${whyFailed(error)}`);
    });
    if (response.ok) return response;
    if (comesBack.has(response.status)) throw new Later(`HTTP ${response.status}`);
    if (response.status === 401) {
      ticket = await options.renew();
      throw new Later("the ticket had expired");
    }
    if (response.status === 410) throw new Problem("the upload has failed at the image service");
    throw await problemOf(response);
  };
  const offsetIn = (response: Response): number => {
    const offset = Number(response.headers.get("upload-offset") ?? Number.NaN);
    if (!Number.isSafeInteger(offset)) throw new Later("an answer without an offset");
    return offset;
  };
  const goOn = async (): Promise<void> => {
    let offset = offsetIn(await ask("HEAD", {}));
    options.onProgress(offset);
    while (offset < file.size) {
      const began = performance.now();
      const piece = file.slice(offset, Math.min(offset + step, file.size));
      const headers = { "content-type": "application/offset+octet-stream", "upload-offset": String(offset) };
      offset = offsetIn(await ask("PATCH", headers, piece));
      options.onProgress(offset);
      tries = 0;
      const second = (piece.size / Math.max(performance.now() - began, 1)) * 1000;
      step = Math.round(Math.min(pieceBytes.most, Math.max(pieceBytes.least, second)));
    }
  };

  let tries = 0;
  for (;;) {
    try {
      await goOn();
      return;
    } catch (thrown) {
      if (!(thrown instanceof Later)) throw thrown;
      if (++tries > patience.tries)
        throw new Problem(
          `the image service does not answer: ${thrown.message}`,
          "What arrived is kept for a day: run the same command again, and it goes on.",
        );
      await sleep(Math.min(500 * 2 ** tries, patience.longestMs));
    }
  }
};
