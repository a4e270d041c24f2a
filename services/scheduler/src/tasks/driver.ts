/**
 * Drives one task to its end. The rule is *write, then do*: before a step runs, the task's row says that this step is
 * running; after it, one write says that it is done and that the next one is running. So after `kill -9` the row names
 * the only step whose effect is unknown, and running that step again is right, because steps are idempotent. Unwinding
 * walks the same list backwards by the same rule, beginning with the step that failed, which may have done half its
 * work.
 *
 *     queued ──► running ──────────────► done
 *                   │ a step failed, or cancel
 *                   ▼
 *               unwinding ─────────────► failed | cancelled
 *
 * - A retryable error of a step (its cell does not answer) is met with patience; any other error, and the end of
 *   patience, turns the task round.
 * - An undo that fails is tried again with backoff for as long as it takes; the task shows what keeps it (`obstacle`).
 * - A step marked `onwardsOnly` has no way back: it is tried like an undo, until it succeeds.
 * - Cancelling is a mark in the row, and an abort of the step that runs. Every write that enters a step checks the
 *   mark, and the mark is refused once a step that destroys is entered: so one write in the database decides which of
 *   the two came first.
 * - A task that is taken up after a start is looked at first: one that a restored database holds may be out of date,
 *   and ends as it is.
 * - What goes wrong outside a step (a write that fails, a full disk) is met with another try, from what the row says.
 */
import {
  bodyForPeople,
  type Clock,
  forPeople,
  type Log,
  NanoError,
  type Task,
  type TaskId,
  timestamp,
} from "@nano/contract";
import { isPassingFailure } from "@nano/store";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Journal, Write } from "../events/journal.ts";
import { Attempt, type Live } from "./attempt.ts";
import { type Backoff, delayAfter } from "./backoff.ts";
import type { Failpoint, Saga, StepDefinition } from "./saga.ts";
import type { Aside, Slots } from "./slots.ts";
import { findTask, hasEnded, type StoredTask, saveTask, tasksWaitingFor } from "./store.ts";

const defaultPatienceMs = 15_000;

/** What all drivers share. */
export interface Surroundings {
  readonly db: Kysely<Database>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1, for the spread of retries. */
  readonly random: () => number;
  readonly failpoint: Failpoint;
  readonly backoff: Backoff;
  /** So many steps run at once; who waits (backoff, another task, long work of a cell) holds no slot. */
  readonly slots: Slots;
  /** Long work of a cell that makes no progress for so many milliseconds is ended. */
  readonly stalledAfterMs: number;
  sagaOf(operation: string): Saga;
  view(task: StoredTask): Task;
  tell(trx: Write, task: StoredTask): Promise<void>;
  /** In the transaction that ends a task: gives its locks back, or on to the task that waits for this one. */
  onEnd(trx: Write, task: StoredTask, next: TaskId | undefined): Promise<void>;
  /** Of a task that was taken up after a start. @returns whether it was ended, because it is out of date */
  endIfOutOfDate(task: StoredTask): Promise<boolean>;
  /** Tells of progress that is not written down. */
  onProgress(task: Task): void;
}

/** By its recorded name: the task has only the steps that apply to it. */
const stepOf = (task: StoredTask, saga: Saga): StepDefinition<unknown> | undefined => {
  const recorded = task.steps[task.step];
  if (!recorded) return undefined;
  const step = saga.steps.find(({ name }) => name === recorded.name);
  if (step) return step;
  throw new NanoError(
    "internal",
    `${task.operation} has no step ${recorded.name}: was this database written by a newer Nano?`,
  );
};
/** Entering it is the last moment to cancel. */
export const isFinal = ({
  onwardsOnly,
  irrevocable,
}: Pick<StepDefinition<unknown>, "onwardsOnly" | "irrevocable">): boolean =>
  onwardsOnly === true || irrevocable === true;
/** What passes (a full disk, a lock) is worth another try. */
const databaseFailure = (thrown: unknown): unknown =>
  thrown instanceof Error && isPassingFailure(thrown)
    ? new NanoError("unavailable", `The scheduler's database cannot be written: ${thrown.message}`, { cause: thrown })
    : thrown;
const cancelled = () => new NanoError("cancelled", "The task was cancelled");
const stopping = () => new NanoError("unavailable", "The scheduler is stopping");

export class Driver {
  readonly #id: TaskId;
  readonly #around: Surroundings;
  #abort = new AbortController();
  #wake: () => void = () => {};
  #stopping = false;
  /** On the way back, which nothing interrupts but a stop of the service. */
  #unwinding = false;
  /** Tries in a row that ended with a failed write. */
  #failures = 0;
  /** Why it could not write down how far it is, while that lasts. */
  trouble: string | undefined;
  /** How far the running step is. */
  live: Live | undefined;

  constructor(id: TaskId, around: Surroundings) {
    this.#id = id;
    this.#around = around;
  }

  /** Tries at once what waits to be tried again. */
  nudge(): void {
    this.#wake();
  }

  /** The way back was asked for and is on record: stop what runs. Harmless to repeat. */
  cancel(): void {
    if (!this.#unwinding) this.#abort.abort(cancelled());
    this.#wake();
  }

  /** Stop what runs and leave the task as it is on record. */
  stop(): void {
    this.#stopping = true;
    this.#abort.abort(stopping());
    this.#wake();
  }

  /**
   * Resolves when the task has ended, is not due yet, or the driver was stopped. @returns if it has ended: the tasks
   * that waited for that
   */
  async run(): Promise<TaskId[] | undefined> {
    while (!this.#stopping) {
      try {
        return await this.#drive();
      } catch (error) {
        if (this.#stopping) break;
        await this.#takeUpAgain(error);
      }
    }
    return undefined;
  }

  async #drive(): Promise<TaskId[] | undefined> {
    const { db, slots, sagaOf } = this.#around;
    const task = await slots.run(() => findTask(db, this.#id));
    if (!task) return undefined;
    if (!hasEnded(task.state) && (await this.#isDue(task))) {
      if (await slots.run(() => this.#around.endIfOutOfDate(task))) return [];
      if (this.#stopping) return undefined;
      this.#unwinding = task.state === "unwinding";
      const saga = sagaOf(task.operation);
      while (!this.#stopping && !hasEnded(task.state)) {
        if (task.state === "unwinding") await this.#unwindStep(task, saga);
        else await this.#runStep(task, saga);
      }
    }
    return hasEnded(task.state) ? tasksWaitingFor(db, task.id) : undefined;
  }

  /** Waits before another try. What is in memory may be ahead of the row: the step under way runs again. */
  async #takeUpAgain(error: unknown): Promise<void> {
    const { log } = this.#around;
    if (this.trouble === undefined) log.error("A task cannot go on; trying again", { task: this.#id, error });
    this.trouble = NanoError.from(databaseFailure(error), "going on with the task").message;
    this.live = undefined;
    this.#abort = new AbortController();
    await this.#pause(++this.#failures);
  }

  /** One that waits for another is driven again by that one's end. */
  async #isDue(task: StoredTask): Promise<boolean> {
    if (task.state !== "queued" || task.waitsFor === null || task.cancelling) return true;
    const other = await findTask(this.#around.db, task.waitsFor);
    return !other || hasEnded(other.state);
  }

  // --- forwards
  // --------------------------------------------------------------------------------------------------------

  async #runStep(task: StoredTask, saga: Saga): Promise<void> {
    const step = stepOf(task, saga);
    if (!step) {
      await this.#end(task, "done");
      return;
    }
    const entered = task.steps[task.step]?.state === "running";
    if (task.cancelling && !(entered && isFinal(step))) return this.#turnRound(task, undefined);
    if (!entered && !(await this.#enter(task))) return this.#turnRound(task, undefined);
    const failure = await this.#attempt(task, step);
    if (this.#stopping) return;
    if (failure) return this.#turnRound(task, failure);

    this.#mark(task, "done");
    this.live = undefined;
    task.obstacle = null;
    task.step++;
    const next = stepOf(task, saga);
    const moved = next ? await this.#enter(task, step) : await this.#end(task, "done", !step.onwardsOnly);
    if (moved) return;
    // Cancelled meanwhile: the way back begins with the step that was just done.
    task.step--;
    await this.#turnRound(task, undefined);
  }

  /**
   * Writes down that a step is about to run.
   * @param after the step before it
   * @returns whether it may: not, if the way back was asked for while there was one
   */
  async #enter(task: StoredTask, after?: StepDefinition<unknown>): Promise<boolean> {
    task.state = "running";
    task.startedAt ??= timestamp(this.#around.clock.now());
    this.#mark(task, "running");
    if (await this.#save(task, !after?.onwardsOnly)) return true;
    this.#mark(task, "waiting");
    return false;
  }

  /** Does a step, again and again where that is called for. @returns why it could not be done */
  async #attempt(task: StoredTask, step: StepDefinition<unknown>): Promise<NanoError | undefined> {
    const { clock } = this.#around;
    const giveUpAt = clock.monotonic() + (step.patienceMs ?? defaultPatienceMs);
    for (let failures = 1; ; failures++) {
      const work = (aside: Aside) => this.#once(task, step, "do", aside);
      const error = await (step.waits ? work((waiting) => waiting()) : this.#around.slots.run(work));
      if (!error || this.#stopping) return undefined;
      const patient = error.retryable && clock.monotonic() < giveUpAt && !this.#abort.signal.aborted;
      if (!patient && !step.onwardsOnly) return error;
      await this.#waitToRetry(task, error, failures);
      if (this.#stopping) return undefined;
      if (this.#abort.signal.aborted && !step.onwardsOnly) return cancelled();
    }
  }

  // --- backwards
  // -------------------------------------------------------------------------------------------------------

  /** From running to unwinding, beginning with the current step. Without a failure it was cancelled. */
  async #turnRound(task: StoredTask, failure: NanoError | undefined): Promise<void> {
    const { journal, log, tell } = this.#around;
    // The way back is not to be interrupted by what asked for it.
    this.#unwinding = true;
    this.#abort = new AbortController();
    this.live = undefined;
    task.state = "unwinding";
    task.obstacle = null;
    const failed = await journal.write(async (trx) => {
      const wasCancelled = failure === undefined || (await findTask(trx, task.id))?.cancelling === true;
      task.outcome = wasCancelled ? "cancelled" : "failed";
      if (!wasCancelled) {
        this.#mark(task, "failed");
        task.error = bodyForPeople(failure);
      }
      await saveTask(trx, task);
      await tell(trx, task);
      return !wasCancelled;
    });
    if (failed)
      log.warn("A task's step failed; undoing what was done", {
        ...this.#facts(task),
        details: failure?.details,
        error: failure,
      });
  }

  async #unwindStep(task: StoredTask, saga: Saga): Promise<void> {
    const step = stepOf(task, saga);
    const recorded = task.steps[task.step];
    if (step && recorded && typeof step.undo !== "string" && recorded.state !== "waiting") {
      const failedHere = recorded.state === "failed";
      this.#mark(task, "undoing");
      await this.#save(task);
      for (let failures = 1; ; failures++) {
        const error = await this.#around.slots.run((aside) => this.#once(task, step, "undo", aside));
        if (this.#stopping) return;
        if (!error) break;
        await this.#waitToRetry(task, error, failures);
        if (this.#stopping) return;
      }
      // The step that failed stays recognizable.
      this.#mark(task, failedHere ? "failed" : "undone");
    }
    task.obstacle = null;
    task.step--;
    if (task.step < 0) await this.#end(task, task.outcome ?? "failed");
    else await this.#save(task);
  }

  // --- both ways
  // -------------------------------------------------------------------------------------------------------

  /** @returns the error, if there was one */
  async #once(
    task: StoredTask,
    step: StepDefinition<unknown>,
    way: "do" | "undo",
    aside: Aside,
  ): Promise<NanoError | undefined> {
    const { failpoint, clock, stalledAfterMs, onProgress, view } = this.#around;
    const { undo } = step;
    using attempt = new Attempt({
      ...{ task, aside, clock, stalledAfterMs, signal: this.#abort.signal },
      onProgress: (live, tell) => {
        this.live = live;
        if (tell) onProgress(view(task));
      },
    });
    try {
      await failpoint(task.operation, step.name, way === "do" ? "before" : "undo-before");
      if (way === "do") await step.do(attempt.run);
      else if (typeof undo !== "string") await undo(attempt.run);
      await failpoint(task.operation, step.name, way === "do" ? "after" : "undo-after");
      return undefined;
    } catch (thrown) {
      return NanoError.from(
        databaseFailure(thrown),
        `${way === "do" ? "running" : "undoing"} step ${step.name} of ${task.operation}`,
      );
    }
  }

  /** @returns whether it ended: not, if it is to be undone after all */
  async #end(task: StoredTask, state: "done" | "failed" | "cancelled", unlessCancelled = false): Promise<boolean> {
    const { journal, clock, onEnd, tell } = this.#around;
    const ending: StoredTask = { ...task, state, obstacle: null, endedAt: timestamp(clock.now()) };
    const ended = await journal.write(async (trx) => {
      if (!(await saveTask(trx, ending, { unlessCancelled }))) return false;
      const [next] = await tasksWaitingFor(trx, task.id);
      await onEnd(trx, ending, next);
      await tell(trx, ending);
      return true;
    });
    this.#written();
    if (ended) Object.assign(task, ending);
    return ended;
  }

  async #waitToRetry(task: StoredTask, error: NanoError, failures: number): Promise<void> {
    const { log } = this.#around;
    const obstacle = forPeople(error.message);
    // Before anything is awaited: a cancel, or a cell that is back, is heard from now on.
    const paused = this.#pause(failures);
    if (task.obstacle !== obstacle) {
      task.obstacle = obstacle;
      log.warn("A task does not get on; trying again", { ...this.#facts(task), details: error.details, error });
      await this.#save(task);
    }
    await paused;
  }

  async #pause(failures: number): Promise<void> {
    const { backoff, random } = this.#around;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayAfter(failures, backoff, random()));
    this.#wake = resolve;
    if (this.#stopping) resolve();
    await promise;
    clearTimeout(timer);
    if (this.#wake === resolve) this.#wake = () => {};
  }

  /** Changes the current step's state in memory; `#save` writes it. */
  #mark(task: StoredTask, state: StoredTask["steps"][number]["state"]): void {
    const step = task.steps[task.step];
    if (!step) return;
    const now = timestamp(this.#around.clock.now());
    task.steps[task.step] = {
      ...step,
      ...this.live,
      state,
      ...(state === "running" ? { startedAt: step.startedAt ?? now } : {}),
      ...(state === "done" || state === "failed" || state === "undone" ? { endedAt: now } : {}),
    };
  }

  async #save(task: StoredTask, unlessCancelled = false): Promise<boolean> {
    const { journal, tell } = this.#around;
    const saved = await journal.write(async (trx) => {
      const written = await saveTask(trx, task, { unlessCancelled });
      if (written) await tell(trx, task);
      return written;
    });
    this.#written();
    return saved;
  }

  #written(): void {
    this.#failures = 0;
    this.trouble = undefined;
  }

  #facts(task: StoredTask) {
    const step = task.steps[task.step]?.name;
    return { task: task.id, operation: task.operation, step, resource: task.resource.id, requestId: task.requestId };
  }
}
