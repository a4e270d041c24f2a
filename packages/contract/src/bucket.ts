import type { Clock } from "./clock.ts";

/** Of a millisecond: what sums of fractions may be off. */
const rounding = 1e-6;

/** A token bucket: `burst` at once, one more every `refillMs` in the long run. */
export class Bucket {
  /** When it will be full again: one number says how full it is now. */
  #fullAt: number;

  constructor(
    private readonly clock: Clock,
    private readonly refillMs: number,
    private readonly burst: number,
  ) {
    this.#fullAt = clock.monotonic();
  }

  /** Takes one if there is one. @returns 0, or how many milliseconds until there is one */
  takeOrWait(): number {
    const now = this.clock.monotonic();
    const after = Math.max(this.#fullAt, now) + this.refillMs;
    const wait = after - (now + this.burst * this.refillMs);
    if (wait > rounding) return wait;
    this.#fullAt = after;
    return 0;
  }

  take(): boolean {
    return this.takeOrWait() === 0;
  }

  /** What was taken last does not count. */
  giveBack(): void {
    this.#fullAt -= this.refillMs;
  }

  get isFull(): boolean {
    return this.#fullAt <= this.clock.monotonic();
  }
}
