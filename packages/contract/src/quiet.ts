/**
 * Lines about what peers do wrong. A peer may do it a thousand times a second, so there is at most one line a minute
 * for each kind and sender; the next line says how often it happened meanwhile.
 */
import type { Log } from "./clock.ts";

const everyMs = 60_000;
/** Senders of one kind that get lines of their own within a minute; any further ones share a line. */
const sendersAtMost = 32;
const others = "others";

export interface QuietLog {
  /** @param kind a fixed word or sentence of ours, never a peer's */
  warn(kind: string, sender: string, message: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** @param later runs something once after so many milliseconds */
export const createQuietLog = (
  log: Log,
  later: (milliseconds: number, run: () => void) => void = (milliseconds, run) =>
    void setTimeout(run, milliseconds).unref(),
): QuietLog => {
  const kinds = new Map<string, Map<string, { left: number }>>();
  return {
    warn(kind, from, message, facts = {}) {
      const senders = kinds.get(kind) ?? new Map<string, { left: number }>();
      kinds.set(kind, senders);
      const sender = senders.has(from) || senders.size < sendersAtMost ? from.slice(0, 128) : others;
      const known = senders.get(sender);
      if (known) {
        known.left++;
        return;
      }
      const entry = { left: 0 };
      senders.set(sender, entry);
      log.warn(message, { sender, ...facts });
      const sumUp = (): void => {
        if (entry.left === 0) {
          senders.delete(sender);
          return;
        }
        log.warn(message, { sender, repeated: entry.left });
        entry.left = 0;
        later(everyMs, sumUp);
      };
      later(everyMs, sumUp);
    },
  };
};
