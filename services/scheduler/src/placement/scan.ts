/** One decision under way: the candidates that are left, and their scores so far. */
import type { Resources } from "@nano/contract";
import type { Policy } from "./rule.ts";
import type { Snapshot } from "./snapshot.ts";

export const examplesAtMost = 10;

/** What one filter removed. */
export interface Removed {
  count: number;
  /** Rows of the first ten. */
  readonly examples: number[];
}

export class Scan {
  /** Candidates that are left: positions 0 to `count` - 1. */
  count: number;
  readonly #rows: Int32Array;
  readonly #scores: Float64Array;
  #kept = 0;
  #removed: Removed = { count: 0, examples: [] };

  /** Begins with every cell of the snapshot, whose scratch space it uses until the decision is made. */
  constructor(
    readonly cells: Snapshot,
    readonly request: Resources,
    readonly policy: Policy,
  ) {
    this.count = cells.count;
    this.#rows = cells.scratchRows;
    this.#scores = cells.scratchScores;
    for (let i = 0; i < this.count; i++) this.#rows[i] = i;
  }

  /** Has a filter look at all candidates, `begin()` of them; `keep` each or not, in order. @returns what it removed */
  sifted(filter: { sift(scan: Scan): void }): Removed {
    this.#removed = { count: 0, examples: [] };
    filter.sift(this);
    this.count = this.#kept;
    return this.#removed;
  }

  begin(): number {
    this.#kept = 0;
    return this.count;
  }

  /** The snapshot's row of the k-th candidate. */
  row(k: number): number {
    return this.#rows[k] ?? 0;
  }

  keep(k: number, admitted: boolean): void {
    const row = this.row(k);
    if (admitted) this.#rows[this.#kept++] = row;
    else if (this.#removed.count++ < examplesAtMost) this.#removed.examples.push(row);
  }

  /** Has every scorer add its term to every candidate's score. */
  scored(scorers: readonly { score(scan: Scan): void }[]): void {
    this.#scores.fill(0, 0, this.count);
    for (const scorer of scorers) scorer.score(this);
  }

  add(k: number, term: number): void {
    this.#scores[k] = this.score(k) + term;
  }

  score(k: number): number {
    return this.#scores[k] ?? 0;
  }
}
