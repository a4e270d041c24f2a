/**
 * A limit on attempts, per key: a bucket that holds so many and refills steadily. Buckets that are full again are
 * forgotten, and there are never more than `maxKeys`; whoever floods it with new keys pushes out old ones, which is why
 * logins count per client, too.
 */
import { Bucket, type Clock, NanoError } from "@nano/contract";

export interface ThrottleOptions {
  /** Attempts that may come at once. */
  readonly burst: number;
  /** Milliseconds until one more is allowed. */
  readonly refillMs: number;
  readonly maxKeys?: number;
}

export interface Throttle {
  /** Counts one attempt. Milliseconds to wait if it is one too many, else 0. */
  take(key: string): number;
  /** The attempt was a good one: it does not count. */
  giveBack(key: string): void;
}

export const createThrottle = (clock: Clock, { burst, refillMs, maxKeys = 10_000 }: ThrottleOptions): Throttle => {
  /** Insertion order is oldest use first. */
  const buckets = new Map<string, Bucket>();
  return {
    take(key) {
      const bucket = buckets.get(key) ?? new Bucket(clock, refillMs, burst);
      const wait = bucket.takeOrWait();
      if (wait > 0) return wait;
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > maxKeys) {
        const oldest = buckets.keys().next().value;
        if (oldest !== undefined) buckets.delete(oldest);
      }
      return 0;
    },
    giveBack(key) {
      const bucket = buckets.get(key);
      bucket?.giveBack();
      if (bucket?.isFull) buckets.delete(key);
    },
  };
};

/** @throws NanoError `rate-limited` with `details.retryAfterSeconds` */
export const refuse = (waitMs: number, doing: string): never => {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1_000));
  throw new NanoError("rate-limited", `${doing}: too many attempts; wait ${retryAfterSeconds} s`, {
    details: { retryAfterSeconds },
  });
};
