/** One decision under way: the candidates that are left, and their scores so far. */
import type { Filter, Policy, Scorer } from "./rule.ts";
import type { PlacementRequest, Snapshot } from "./snapshot.ts";

export const examplesAtMost = 10;

/** What one filter removed. */
export interface Removed {
  readonly count: number;
  /** Rows of the first ten. */
  readonly examples: readonly number[];
}

export class Scan {
  /** Candidates that are left: positions 0 to `count` - 1 of `rows` and `scores`. */
  count: number;
  /** The candidates' rows in the snapshot. */
  readonly rows: Int32Array;
  /** The candidates' scores so far. */
  readonly scores: Float64Array;
  /** Where a filter puts the rows that it removes. */
  readonly removed: Int32Array;

  /** Begins with every cell of the snapshot, whose scratch space it uses until the decision is made. */
  constructor(
    readonly cells: Snapshot,
    readonly request: PlacementRequest,
    readonly policy: Policy,
  ) {
    this.count = cells.count;
    this.rows = cells.scratchRows;
    this.scores = cells.scratchScores;
    this.removed = cells.scratchRemoved;
    for (let i = 0; i < this.count; i++) this.rows[i] = i;
  }

  /** Has a filter look at all candidates. @returns what it removed */
  sift(filter: Pick<Filter, "sift">): Removed {
    const before = this.count;
    this.count = filter.sift(this);
    const count = before - this.count;
    return { count, examples: [...this.removed.subarray(0, Math.min(count, examplesAtMost))] };
  }

  /** Has every scorer add its term to every candidate's score. */
  score(scorers: readonly Pick<Scorer, "score">[]): void {
    this.scores.fill(0, 0, this.count);
    for (const scorer of scorers) scorer.score(this);
  }
}
