/**
 * Reading what cells say without being asked. A cell may say it a thousand times a second, or megabytes of it: what is
 * too large is not parsed, what comes too often is not looked at, and of neither is there more than a line a minute.
 * Nothing is lost by it: the next inventory makes up for it.
 */
import {
  Bucket,
  type Clock,
  fits,
  type QuietLog,
  type ReportName,
  reportLimits,
  reports,
  systemClock,
} from "@nano/contract";
import type { Report } from "./types.ts";

/** `nano.v1.report.<cellId>.<name>`: who said it. */
export const senderOf = (subject: string): string => /\.(cell-[a-z2-7]{16})(\.|$)/.exec(subject)?.[1] ?? "";

/** Cells that are counted at once; more than a zone has. */
const cellsAtMost = 20_000;

export class ReportReader {
  readonly #quiet: QuietLog;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(quiet: QuietLog, clock: Clock = systemClock) {
    this.#quiet = quiet;
    this.#clock = clock;
  }

  /** @returns undefined for what is too large, comes too often, or does not fit the contract */
  read<R extends ReportName>(name: R, sender: string, data: Uint8Array): Report<R> | undefined {
    const { bytes } = reportLimits[name];
    if (data.length > bytes) return this.#refuse(name, sender, "is too large", { bytes: data.length, allowed: bytes });
    if (!this.#take(name, sender)) return this.#refuse(name, sender, "comes too often", {});
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(data));
    } catch {
      return this.#refuse(name, sender, "is not JSON", {});
    }
    const schema = reports[name];
    if (!fits(schema, value) || value.cell !== sender)
      return this.#refuse(name, sender, "does not fit the contract", {});
    return value as Report<R>;
  }

  #take(name: ReportName, sender: string): boolean {
    const key = `${sender} ${name}`;
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      const { perSecond, burst } = reportLimits[name];
      bucket = new Bucket(this.#clock, 1_000 / perSecond, burst);
      const oldest = this.#buckets.size < cellsAtMost ? undefined : this.#buckets.keys().next().value;
      if (oldest !== undefined) this.#buckets.delete(oldest);
      this.#buckets.set(key, bucket);
    }
    return bucket.take();
  }

  #refuse(name: ReportName, sender: string, why: string, facts: Readonly<Record<string, number>>): undefined {
    this.#quiet.warn(`report ${name} ${why}`, sender, `A cell's report ${why}`, { report: name, ...facts });
    return undefined;
  }
}
