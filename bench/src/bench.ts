/** What a bench is, and what it hands back. Each is one file in `benches/`, listed in `benches/index.ts`. */
import type { Figure } from "./figure.ts";
import type { Target } from "./target.ts";

export interface Settings {
  /** Fewer rounds and smaller files: for a look, not for a record. */
  readonly quick: boolean;
  /** An empty directory of this run; removed when the bench has ended, however it ended. */
  readonly directory: string;
  /** Says what goes on, to the person who waits. */
  say(text: string): void;
}

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly measured: Figure;
  /** A floor (what no implementation can beat) or a peer (another one that does the same), measured in the same run. */
  readonly peer?: { readonly name: string; readonly figure: Figure };
  readonly target?: Target;
}

export interface Bench {
  readonly name: string;
  readonly about: string;
  /** Rejects when it could not measure; a figure that misses its target is a result like any other. */
  run(settings: Settings): Promise<Row[]>;
}

/** The bench cannot run here, and why: a program is not installed, a service is not there. */
export class CannotRun extends Error {}
