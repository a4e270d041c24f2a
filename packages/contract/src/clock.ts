import type { Timestamp } from "./brand.ts";

/** Time as a dependency, so that tests pass their own. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch: for display and expiry only. */
  now(): number;
  /** Monotonic milliseconds: for durations and leases; not bothered by clock jumps. */
  monotonic(): number;
}
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
export const timestamp = (milliseconds: number): Timestamp => new Date(milliseconds).toISOString() as Timestamp;
/** The year 10000: from then on ISO 8601 writes years with a sign and six digits, as it does before the year 0. */
const endOfTimestamps = Date.UTC(10_000, 0);
/**
 * A peer's word for a time since 1970, if it is one: "99:99" has the form of a time, and the year -271821 is one that
 * no reader of ours takes.
 */
export const readTimestamp = (text: string | undefined): Timestamp | undefined => {
  const milliseconds = Date.parse(text ?? "");
  return milliseconds >= 0 && milliseconds < endOfTimestamps ? timestamp(milliseconds) : undefined;
};

/** One line a fact; never a secret. */
export interface Log {
  info(message: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void;
  error(message: string, facts?: Readonly<Record<string, unknown>>): void;
}
export const silentLog: Log = { info() {}, warn() {}, error() {} };
