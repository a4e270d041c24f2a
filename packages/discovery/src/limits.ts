/** What keeps a flood, or an echo, from becoming work. All of it is bounded in memory. */
import { Bucket, type Clock } from "@nano/contract";

/** One bucket for each sender; the one that came first is forgotten when there are too many. */
export class Buckets {
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    private readonly clock: Clock,
    private readonly perSecond: number,
    private readonly burst: number,
    private readonly max = 4_096,
  ) {}

  take(sender: string): boolean {
    let bucket = this.#buckets.get(sender);
    if (!bucket) {
      bucket = new Bucket(this.clock, 1_000 / this.perSecond, this.burst);
      this.#buckets.set(sender, bucket);
      if (this.#buckets.size > this.max) dropOldest(this.#buckets);
    }
    return bucket.take();
  }
}

/**
 * Remembers what was seen for as long as it could be played again. Together with the announcement's time (an older one
 * is refused anyway) a replay is refused for ever. The oldest are forgotten when there are more than `max`.
 */
export class ReplayWindow {
  readonly #seen = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly windowMs: number,
    private readonly max = 20_000,
  ) {}

  /** False when it was seen before. */
  first(key: string): boolean {
    const now = this.clock.monotonic();
    for (const [old, at] of this.#seen) {
      if (now - at <= this.windowMs && this.#seen.size <= this.max) break;
      this.#seen.delete(old);
    }
    if (this.#seen.has(key)) return false;
    this.#seen.set(key, now);
    return true;
  }
}

const dropOldest = (map: Map<string, unknown>): void => {
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
};
