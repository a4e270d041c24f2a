/**
 * What a saga is: an ordered list of named steps, each with what it does and how that is undone.
 *
 * A step may run more than once (a crash between doing it and writing down that it is done, a reply that was lost), and
 * so may its undo, also when the step never ran or ran half-way. So both are idempotent, keyed by ids that are fixed
 * before the first step, and neither keeps anything in memory: all it knows is the saga's state, which is stored with
 * the task.
 */
import {
  type Actor,
  decode,
  type OperationName,
  type Static,
  type TaskId,
  type TaskResult,
  type TSchema,
} from "@nano/contract";
import type { Aside } from "./slots.ts";

/** What a step gets to work with. */
export interface StepRun<State> {
  readonly taskId: TaskId;
  /** Who asked for the task, and with which request: named by every event and call of the step. */
  readonly actor: Pick<Actor, "name">;
  readonly requestId: string;
  readonly state: State;
  /**
   * Aborted when the task is cancelled and when the service stops: stop waiting, throw. What the step did by then is
   * undone, or done again.
   */
  readonly signal: AbortSignal;
  /** Gives the steps that follow another state; it is written down with the end of this one. */
  keep(state: State): void;
  /** How far the step is, in bytes. Cheap: call it as often as there is news. */
  progress(bytesDone: number, bytesTotal?: number): void;
  /**
   * Waits for long work of a cell: meanwhile other tasks' steps may run. Aborts the signal with `stalled` when no
   * progress was told for too long, or, of work that tells none, when it takes too long.
   */
  readonly aside: Aside;
}

export interface StepDefinition<State> {
  /** Stable: it is stored, shown and named by failpoints. */
  readonly name: string;
  title(state: State): string;
  /** Instead of the title, for who may not know of the image that the task makes. */
  readonly plainTitle?: string;
  /** Whether a task that begins with this state has this step; always by default. */
  when?(state: State): boolean;
  do(run: StepRun<State>): Promise<void>;
  /**
   * Takes back what `do` did, all or part of it, or nothing if it did nothing. A string says why there is nothing to
   * take back.
   */
  readonly undo: ((run: StepRun<State>) => Promise<void>) | string;
  /**
   * There is no way back from here: this step and those after it are tried until they succeed, and the task cannot be
   * cancelled any more. For what destroys.
   */
  readonly onwardsOnly?: true;
  /**
   * What it does cannot be taken back, but it may fail: the task cannot be cancelled from the moment that this step is
   * entered. For what loses something: a guest's memory, what a disk held.
   */
  readonly irrevocable?: true;
  /** It only waits for something outside: it takes no slot, so that others work meanwhile. */
  readonly waits?: true;
  /**
   * How long a retryable error (a cell that does not answer …) is met with another try before the task gives up and
   * unwinds. 15 s by default.
   */
  readonly patienceMs?: number;
}

export interface SagaDefinition<S extends TSchema> {
  readonly operation: OperationName;
  /** Decodes what was stored, perhaps by an older version. */
  readonly state: S;
  readonly steps: readonly StepDefinition<Static<S>>[];
  /** What a task that is done has made, beside changing its resource. */
  result?(state: Static<S>): TaskResult;
}

/** A saga as the engine sees it: the state is opaque JSON. */
export interface Saga {
  readonly operation: OperationName;
  readonly steps: readonly (StepDefinition<unknown> & { when(state: unknown): boolean })[];
  readonly result?: (state: unknown) => TaskResult;
}

/**
 * @example
 * defineSaga({
 *   operation: "instance.start",
 *   state: PowerState,
 *   steps: [{ name: "start", title: () => "Start the instance", do: async (run) => { … }, undo: "it was asked to run"
 *   }],
 * })
 */
export function defineSaga<S extends TSchema>(definition: SagaDefinition<S>): Saga {
  const { operation, steps } = definition;
  const state = (stored: unknown): Static<S> => decode(definition.state, stored, `Reading the state of ${operation}`);
  const typed = (run: StepRun<unknown>): StepRun<Static<S>> => ({ ...run, state: state(run.state) });
  const names = new Set(steps.map((step) => step.name));
  if (names.size !== steps.length) throw new TypeError(`${operation} has two steps of one name`);
  const pivot = steps.findIndex((step) => step.onwardsOnly);
  if (pivot >= 0 && steps.slice(pivot).some((step) => !step.onwardsOnly))
    throw new TypeError(`${operation} has a way back after a step without one`);
  const { result } = definition;
  return {
    operation,
    ...(result ? { result: (stored: unknown) => result(state(stored)) } : {}),
    steps: steps.map((step) => {
      const { undo } = step;
      return {
        ...step,
        title: (stored) => step.title(state(stored)),
        when: (stored) => step.when?.(state(stored)) ?? true,
        do: (run) => step.do(typed(run)),
        undo: typeof undo === "string" ? undo : (run) => undo(typed(run)),
      };
    }),
  };
}

/**
 * Where a test may make a saga fail: before the effect, after it (its record not yet written), and likewise around the
 * undo.
 */
export type FailpointPhase = "before" | "after" | "undo-before" | "undo-after";
export type Failpoint = (operation: string, step: string, phase: FailpointPhase) => Promise<void> | void;
