/**
 * One attempt at a step, or at its undo: what the step gets to work with, and a watch over its progress. Long work of a
 * cell that gets nowhere is ended, so that its instance is not locked for ever.
 */
import { type Bytes, type Clock, NanoError } from "@nano/contract";
import { bytes } from "../units.ts";
import type { StepRun } from "./saga.ts";
import type { Aside } from "./slots.ts";
import type { StoredTask } from "./store.ts";

/** How long work may make no progress, by default. */
export const stalledAfterDefaultMs = 30 * 60_000;
/** Work that tells no figures may take this many times as long, all in all. */
const withoutFigures = 12;
/** Progress is told at most this often. */
const progressEveryMs = 500;

export interface Live {
  readonly bytesDone: Bytes;
  readonly bytesTotal?: Bytes;
}

export interface AttemptOptions {
  readonly task: StoredTask;
  readonly signal: AbortSignal;
  readonly aside: Aside;
  readonly clock: Clock;
  readonly stalledAfterMs: number;
  /** How far it is: at once, and now and then to be told. */
  onProgress(live: Live, tell: boolean): void;
}

export class Attempt implements Disposable {
  readonly run: StepRun<unknown>;
  readonly #options: AttemptOptions;
  readonly #stalled = new AbortController();
  #timer: Timer | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #bytesDone: number | undefined;

  constructor(options: AttemptOptions) {
    this.#options = options;
    const { task, signal } = options;
    this.run = {
      taskId: task.id,
      actor: task.actor,
      requestId: task.requestId,
      state: task.data,
      signal: AbortSignal.any([signal, this.#stalled.signal]),
      keep: (state) => {
        task.data = state;
      },
      progress: (done, total) => this.#progress(done, total),
      aside: (waiting) => options.aside(() => this.#watched(waiting)),
    };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  async #watched<T>(waiting: () => Promise<T>): Promise<T> {
    this.#watch();
    try {
      return await waiting();
    } finally {
      clearTimeout(this.#timer);
    }
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const { stalledAfterMs } = this.#options;
    const limitMs = this.#bytesDone === undefined ? stalledAfterMs * withoutFigures : stalledAfterMs;
    this.#timer = setTimeout(() => this.#stalled.abort(stalled(limitMs, this.#bytesDone)), limitMs);
  }

  #progress(done: number, total: number | undefined): void {
    const { clock, onProgress } = this.#options;
    if (done !== this.#bytesDone) {
      this.#bytesDone = done;
      this.#watch();
    }
    const now = clock.monotonic();
    const tell = now - this.#toldAt >= progressEveryMs;
    if (tell) this.#toldAt = now;
    onProgress({ bytesDone: bytes(done), ...(total === undefined ? {} : { bytesTotal: bytes(total) }) }, tell);
  }
}

const stalled = (limitMs: number, bytesDone: number | undefined): NanoError => {
  const seconds = limitMs / 1_000;
  const time = seconds >= 60 ? `${Math.round(seconds / 60)} minutes` : `${seconds} seconds`;
  const what =
    bytesDone === undefined ? `it did not end within ${time}` : `no progress for ${time}, at ${bytesDone} bytes`;
  return new NanoError("stalled", `The work on the cell got nowhere: ${what}`, { details: { limitSeconds: seconds } });
};
