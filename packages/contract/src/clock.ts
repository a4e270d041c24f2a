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

/** One line a fact; never a secret. */
export interface Log {
  info(message: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void;
  error(message: string, facts?: Readonly<Record<string, unknown>>): void;
}
export const silentLog: Log = { info() {}, warn() {}, error() {} };
