import type { Transport } from "./transport/transport.ts";

/** Reading stops above this many unread bytes, and goes on when half of them are read. */
const UNREAD_MAX = 2 * 1024 * 1024;

/**
 * Bytes that have come and were not read yet. A reader that is too slow makes the sender wait, by pausing the
 * transport.
 */
export class Inbox {
  readonly #flow: Pick<Transport, "pause" | "resume">;
  readonly #unread: Uint8Array[] = [];
  #bytes = 0;
  #paused = false;
  #end: Error | "ended" | undefined;
  #reader: PromiseWithResolvers<void> | undefined;

  constructor(flow: Pick<Transport, "pause" | "resume">) {
    this.#flow = flow;
  }

  push(bytes: Uint8Array): void {
    if (this.#end) return;
    this.#unread.push(bytes);
    this.#bytes += bytes.length;
    if (!this.#paused && this.#bytes > UNREAD_MAX) {
      this.#paused = true;
      this.#flow.pause();
    }
    this.#wake();
  }

  /** Nothing more will come; what is here can still be read. */
  end(): void {
    this.#end ??= "ended";
    this.#wake();
  }

  /** What is here is of no use without the rest: reading rejects from now on. */
  fail(error: Error): void {
    if (this.#end instanceof Error) return;
    this.#end = error;
    this.#unread.length = 0;
    this.#bytes = 0;
    this.#wake();
  }

  /** The next bytes, or undefined when there will be none. One reader at a time. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#unread.shift();
      if (chunk) {
        this.#bytes -= chunk.length;
        if (this.#paused && this.#bytes <= UNREAD_MAX / 2) {
          this.#paused = false;
          this.#flow.resume();
        }
        return chunk;
      }
      if (this.#end instanceof Error) throw this.#end;
      if (this.#end) return undefined;
      this.#reader ??= Promise.withResolvers<void>();
      await this.#reader.promise;
    }
  }

  #wake(): void {
    this.#reader?.resolve();
    this.#reader = undefined;
  }
}
