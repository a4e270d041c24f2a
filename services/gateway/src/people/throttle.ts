/**
 * A limit on attempts, per key: a bucket that holds so many and refills steadily. Buckets that are full again are
 * forgotten, and there are never more than `maxKeys`; whoever floods it with new keys pushes out old ones, which is why
 * logins count per client, too.
 */
import { type Clock, NanoError } from "@nano/contract";

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
  /** When the bucket will be full again: one number says how full it is now. Insertion order is oldest use first. */
  const fullAt = new Map<string, number>();
  return {
    take(key) {
      const now = clock.monotonic();
      const at = Math.max(fullAt.get(key) ?? now, now);
      const wait = at + refillMs - (now + burst * refillMs);
      if (wait > 0) return wait;
      fullAt.delete(key);
      fullAt.set(key, at + refillMs);
      if (fullAt.size > maxKeys) {
        const oldest = fullAt.keys().next().value;
        if (oldest !== undefined) fullAt.delete(oldest);
      }
      return 0;
    },
    giveBack(key) {
      const at = fullAt.get(key);
      if (at === undefined) return;
      if (at - refillMs <= clock.monotonic()) fullAt.delete(key);
      else fullAt.set(key, at - refillMs);
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
