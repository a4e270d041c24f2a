/**
 * What a figure must reach, from the quality page: relative to its peer (`ratio…`) or absolute, in the figure's unit.
 */
import { digits, type Figure, median, ratio, showValue } from "./figure.ts";

export interface Target {
  readonly of: "ratio" | "value";
  readonly bound: "at-most" | "at-least";
  readonly limit: number;
}

export const ratioAtMost = (limit: number): Target => ({ of: "ratio", bound: "at-most", limit });
export const ratioAtLeast = (limit: number): Target => ({ of: "ratio", bound: "at-least", limit });
export const atMost = (limit: number): Target => ({ of: "value", bound: "at-most", limit });
export const atLeast = (limit: number): Target => ({ of: "value", bound: "at-least", limit });

export function showTarget(target: Target, measured: Figure): string {
  const sign = target.bound === "at-most" ? "≤" : "≥";
  return `${sign} ${target.of === "ratio" ? `${digits(target.limit)} ×` : showValue(target.limit, measured.unit)}`;
}

/** Judged by the median. A ratio without a peer is not met: nothing was compared. */
export function isMet(target: Target, measured: Figure, peer: Figure | undefined): boolean {
  const reached = target.of === "value" ? median(measured.samples) : peer ? ratio(measured, peer) : Number.NaN;
  return target.bound === "at-most" ? reached <= target.limit : reached >= target.limit;
}
