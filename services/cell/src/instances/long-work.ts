/**
 * Work that takes longer than anyone waits for an answer: begun once for each task, and asked after until it is done.
 * What it ended with is told once. Works on one instance follow one another, so that undoing what was cut off finds
 * what it left.
 */
import type { InstanceId } from "@nano/contract";

interface Work {
  readonly ended: Promise<void>;
  settled: boolean;
}

export interface LongWorkOptions {
  /** How long one asker waits, in milliseconds. */
  readonly patienceMs?: number;
  /** How long an end that nobody asks for is kept, in milliseconds. */
  readonly keptMs?: number;
}

export class LongWork {
  readonly #works = new Map<string, Work>();
  readonly #last = new Map<InstanceId, Promise<void>>();
  readonly #patienceMs: number;
  readonly #keptMs: number;

  constructor({ patienceMs = 5_000, keptMs = 120_000 }: LongWorkOptions = {}) {
    this.#patienceMs = patienceMs;
    this.#keptMs = keptMs;
  }

  /**
   * Begins the work, unless what was begun under this key is still to be told of.
   * @returns whether it is done; rejects as it failed
   */
  async join(id: InstanceId, key: string, begin: () => Promise<void>): Promise<boolean> {
    const work = this.#works.get(key) ?? this.#begin(id, key, begin);
    await Promise.race([work.ended.catch(() => {}), Bun.sleep(this.#patienceMs)]);
    if (!work.settled) return false;
    if (this.#works.get(key) === work) this.#works.delete(key);
    await work.ended;
    return true;
  }

  #begin(id: InstanceId, key: string, begin: () => Promise<void>): Work {
    const ended = (this.#last.get(id) ?? Promise.resolve()).then(begin);
    const work: Work = { ended, settled: false };
    this.#works.set(key, work);
    const settle = () => {
      work.settled = true;
      if (this.#last.get(id) === last) this.#last.delete(id);
      setTimeout(() => this.#works.get(key) === work && this.#works.delete(key), this.#keptMs).unref();
    };
    const last = ended.then(settle, settle);
    this.#last.set(id, last);
    return work;
  }
}
