/** What a placement rule is. Each rule is one file in `rules/`. */
import type { Resources } from "@nano/contract";
import type { Scan } from "./scan.ts";
import type { PlacementRequest, Snapshot } from "./snapshot.ts";

/** How much of a host may be promised, and how the cells that have room are ordered. */
export interface Policy {
  readonly name: "lowest-load" | "pack";
  /** Virtual cores that may be promised for each thread of the host. */
  readonly coresOvercommit: number;
  /** Share of a host's memory that is kept for the host itself, 0 to 1 … */
  readonly memoryReserveShare: number;
  /** … and the least that is kept, in MiB. */
  readonly memoryReserveMiB: number;
}

export const defaultPolicy: Policy = {
  name: "lowest-load",
  coresOvercommit: 4,
  memoryReserveShare: 0.05,
  memoryReserveMiB: 512,
};

/**
 * Cores and memory of cell `i` that may be promised in all, not rounded: what is asked for and what is promised are
 * whole numbers, so comparing their sum with this needs no rounding, which in these loops costs more than all the rest.
 * Words round it down.
 */
export const promisableCores = (cells: Snapshot, i: number, policy: Policy): number =>
  at(cells.cores, i) * policy.coresOvercommit;
export const promisableMemoryMiB = (cells: Snapshot, i: number, policy: Policy): number => {
  const total = at(cells.memoryMiB, i);
  return Math.max(0, total - Math.max(policy.memoryReserveMiB, total * policy.memoryReserveShare));
};

/** A column's value; 0 where there is none, which no rule can reach: rules are asked about existing cells only. */
export const at = (column: Float64Array, i: number): number => column[i] ?? 0;

declare const reason: unique symbol;
/** Why a rule removed a cell. Made by `because` only, which does not compile without a fact. */
export type Reason = string & { readonly [reason]: true };

/** A reason names at least one number or name: `` because`needs ${4096} MiB, ${3120} MiB free of ${16384}` `` */
export const because = (
  words: TemplateStringsArray,
  ...facts: readonly [number | string, ...(number | string)[]]
): Reason => String.raw({ raw: words }, ...facts) as Reason;

/** How much less would have to be asked for so that this rule admits the cell. */
export interface Shortfall {
  readonly resource: keyof Resources;
  readonly by: number;
}

/** Whether cell `i` may take the request. Allocates nothing. */
export type Admits = (cells: Snapshot, i: number, request: PlacementRequest, policy: Policy) => boolean;
/** A term of cell `i`'s score, 0 (best) to 1. Allocates nothing. */
export type Value = (cells: Snapshot, i: number, request: PlacementRequest, policy: Policy) => number;

/**
 * Removes the cells that cannot take an instance.
 *
 * Every rule has its own loop, though all are alike: a loop that only ever calls one function is compiled together with
 * it, and that makes a decision over thousands of cells several times quicker than one loop that calls every rule.
 */
export interface Filter {
  readonly name: string;
  /** What a cell that it removes lacks, in a few words. */
  readonly lack: string;
  readonly admits: Admits;
  /**
   * Goes over all candidates: keeps those it admits in front, puts the others into `removed`. @returns how many it kept
   */
  sift(scan: Scan): number;
  /** Why it may not. Asked for the few cells that are named as examples. */
  reason(cells: Snapshot, i: number, request: PlacementRequest, policy: Policy): Reason;
  /** For rules that a smaller request satisfies. */
  shortfall?(cells: Snapshot, i: number, request: PlacementRequest, policy: Policy): Shortfall;
  /** For rules that a person satisfies: what to do, as a sentence without its end. */
  remedy?(cells: Snapshot, i: number, request: PlacementRequest): string;
}

/** Orders the cells that can: a weighted term of the score. The lowest sum wins. */
export interface Scorer {
  readonly name: string;
  readonly weight: number;
  readonly value: Value;
  /** Goes over all candidates: adds the weighted value to their scores. */
  score(scan: Scan): void;
}

/** 0 to 1, whatever a host claims to have. */
export const share = (used: number, of: number): number => (of <= 0 ? 1 : Math.min(1, Math.max(0, used / of)));
