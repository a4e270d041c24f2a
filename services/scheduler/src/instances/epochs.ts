/**
 * How far a cell's word about an instance's epoch counts. It may know a newer one than a database from a backup, and
 * refuses commands of an older one, so its word lifts the record. But it is only a word: it proves nothing about what
 * another cell has (`judge.ts`), and nothing lifts the record further than this zone can ever have come.
 */
import { NanoError } from "@nano/contract";
import type { StoredInstance } from "./store.ts";

/** Ten placements a day for more than twenty years. */
export const mostAhead = 100_000;

type Known = Pick<StoredInstance, "epoch" | "assignedEpoch">;
/** Of an instance that no record knows. */
export const unknown: Known = { epoch: 0, assignedEpoch: 0 };

export const isPlausible = ({ assignedEpoch }: Known, reported: number): boolean =>
  reported <= assignedEpoch + mostAhead;

/** The newest epoch that is known of an instance after its cell has said one. */
export const newestEpoch = (known: Known, reported: number): number =>
  isPlausible(known, reported) ? Math.max(known.epoch, reported) : known.epoch;

/** @throws NanoError `stale-epoch` */
export function requirePlausible(known: Known, reported: number): void {
  if (isPlausible(known, reported)) return;
  throw new NanoError("stale-epoch", `Its cell claims epoch ${reported}, which this zone cannot have given out`, {
    remedy: "Look at the cell, which may not be honest. Remove this copy if it is not needed.",
  });
}
