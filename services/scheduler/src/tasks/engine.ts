/**
 * Every task of this scheduler: begins them, has each driven by one `Driver`, cancels them, waits for their ends, and
 * takes up the unfinished ones after a restart. How a task is driven is told in `driver.ts`.
 */
import {
  type Actor,
  bodyForPeople,
  type Clock,
  type ErrorBody,
  errorDefinitions,
  type Log,
  NanoError,
  type OperationName,
  type Task,
  type TaskId,
  type TaskState,
  timestamp,
} from "@nano/contract";
import { seesImageOfTask } from "@nano/contract/audience";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Journal, Write } from "../events/journal.ts";
import { stalledAfterDefaultMs } from "./attempt.ts";
import { type Backoff, defaultBackoff } from "./backoff.ts";
import { Driver, isFinal, type Surroundings } from "./driver.ts";
import type { Failpoint, Saga } from "./saga.ts";
import { Slots } from "./slots.ts";
import {
  activeTaskIds,
  findTask,
  hasEnded,
  insertTask,
  markCancelling,
  type StoredTask,
  saveTask,
  tasksWaitingFor,
  toTask,
} from "./store.ts";

/** How long `stop` waits for the steps under way. */
const drainMs = 10_000;

export interface EngineOptions extends Pick<Surroundings, "onEnd" | "onProgress"> {
  readonly db: Kysely<Database>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly sagas: readonly Saga[];
  readonly failpoint?: Failpoint;
  /** Whether its cell is away: what cannot be undone or finished there may be ended by a person. */
  readonly isCellAway?: (task: StoredTask) => boolean;
  /**
   * Asked once of each task that is taken up after a start, before anything of it is done or undone. Rejects when that
   * cannot be said yet.
   */
  readonly outOfDate?: (task: StoredTask) => Promise<OutOfDate | undefined>;
  readonly backoff?: Backoff;
  /** Steps that run at once at most; 256 by default. */
  readonly slots?: number;
  /** Long work of a cell that makes no progress for so many milliseconds is ended; half an hour by default. */
  readonly stalledAfterMs?: number;
}

/** What is to become of a task that an older database holds. */
export interface OutOfDate {
  readonly why: NanoError;
  /** In the transaction that ends the task. */
  settle(trx: Write): Promise<void>;
}

export interface NewTask {
  readonly id: TaskId;
  readonly operation: OperationName;
  readonly resource: { readonly id: string; readonly name: string };
  /** The saga's state. */
  readonly state: unknown;
  readonly actor: Actor;
  readonly requestId: string;
  /** How many of the first steps are done already, in the transaction that begins the task. */
  readonly stepsDone?: number;
  /** It runs when this task has ended. */
  readonly waitsFor?: TaskId;
}

export class TaskEngine {
  readonly #options: EngineOptions;
  readonly #sagas: ReadonlyMap<string, Saga>;
  readonly #drivers = new Map<TaskId, { driver: Driver; done: Promise<void> }>();
  /** Taken up after a start, and not yet known to be up to date. */
  readonly #takenUp = new Set<TaskId>();
  /** Driven again while its driver was just leaving. */
  readonly #again = new Set<TaskId>();
  readonly #waiters = new Map<TaskId, Set<() => void>>();
  readonly #around: Surroundings;
  #stopping = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#sagas = new Map(options.sagas.map((saga) => [saga.operation, saga]));
    this.#around = {
      ...options,
      failpoint: options.failpoint ?? (() => {}),
      backoff: options.backoff ?? defaultBackoff,
      slots: new Slots(options.slots ?? 256),
      stalledAfterMs: options.stalledAfterMs ?? stalledAfterDefaultMs,
      sagaOf: (operation) => this.#sagaOf(operation),
      view: (task) => this.view(task),
      endIfOutOfDate: (task) => this.#endIfOutOfDate(task),
      tell: (trx, task) => this.#tell(trx, task),
    };
  }

  /** Takes up every task that has not ended. Call once, when the rest of the service is ready. */
  async resume(): Promise<void> {
    const ids = await activeTaskIds(this.#options.db);
    if (ids.length > 0) this.#options.log.info("Taking up unfinished tasks", { count: ids.length });
    for (const id of ids) this.#takenUp.add(id);
    for (const id of ids) this.drive(id);
  }

  /** The steps a task would have. */
  plan(operation: OperationName, state: unknown): { name: string; title: string }[] {
    const { steps } = this.#sagaOf(operation);
    return steps.filter((step) => step.when(state)).map((step) => ({ name: step.name, title: step.title(state) }));
  }

  /** Writes a new task down, in the transaction of whatever it begins with. Call `drive` once that is committed. */
  async begin(trx: Write, request: NewTask): Promise<Task> {
    const now = timestamp(this.#options.clock.now());
    const { stepsDone = 0 } = request;
    const task: StoredTask = {
      id: request.id,
      operation: request.operation,
      resource: request.resource,
      state: "queued",
      step: stepsDone,
      steps: this.plan(request.operation, request.state).map((step, i) =>
        i < stepsDone ? { ...step, state: "done", startedAt: now, endedAt: now } : { ...step, state: "waiting" },
      ),
      data: request.state,
      cancelling: false,
      outcome: null,
      error: null,
      obstacle: null,
      waitsFor: request.waitsFor ?? null,
      actor: { kind: request.actor.kind, id: request.actor.id, name: request.actor.name },
      requestId: request.requestId,
      createdAt: now,
      startedAt: null,
      endedAt: null,
    };
    await insertTask(trx, task);
    await this.#tell(trx, task);
    return this.view(task);
  }

  /** Works on a task until it has ended. Harmless for one that is worked on, or has ended. */
  drive(id: TaskId): void {
    if (this.#stopping) return;
    if (this.#drivers.has(id)) {
      this.#again.add(id);
      return;
    }
    const driver = new Driver(id, this.#around);
    const done = driver
      .run()
      .then((waiting) => {
        if (!waiting) return;
        for (const resolve of this.#waiters.get(id) ?? []) resolve();
        for (const next of waiting) this.drive(next);
      })
      .catch((error) => this.#options.log.error("A task's driver broke", { task: id, error }))
      .finally(() => {
        this.#drivers.delete(id);
        if (this.#again.delete(id)) this.drive(id);
      });
    this.#drivers.set(id, { driver, done });
  }

  /** Has everything that waits to try again try now: a cell is back. */
  nudge(): void {
    for (const { driver } of this.#drivers.values()) driver.nudge();
  }

  view(task: StoredTask): Task {
    const result = task.state === "done" ? this.#sagas.get(task.operation)?.result?.(task.data) : undefined;
    const { live, trouble } = this.#drivers.get(task.id)?.driver ?? {};
    const view = toTask(task, this.#isCancellable(task) || this.isStuck(task), live);
    return {
      ...view,
      ...(result ? { result } : {}),
      ...(trouble && !hasEnded(task.state) ? { obstacle: trouble } : {}),
    };
  }

  /** The task, as far as they may know of it: without the image it makes, if that is somebody else's. */
  viewFor(actor: Actor, stored: StoredTask): Task {
    const task = this.view(stored);
    const saga = this.#sagas.get(stored.operation);
    if (!saga?.result || seesImageOfTask(actor, stored.actor.id)) return task;
    const { result: _result, error: _error, obstacle: _obstacle, ...rest } = task;
    const plain = new Map(saga.steps.map(({ name, plainTitle }) => [name, plainTitle]));
    return {
      ...rest,
      steps: rest.steps.map((step) => ({ ...step, title: plain.get(step.name) ?? step.title })),
      ...(stored.error ? { error: wordless(stored.error) } : {}),
    };
  }

  /**
   * Writes down that the way back is wanted; call `interrupt` when that is committed. One that was cancelled already
   * stays so, whether or not it has ended.
   * @throws NanoError `task-not-found`, `not-cancellable`
   */
  async markCancelled(trx: Write, id: TaskId): Promise<StoredTask> {
    const task = await findTask(trx, id);
    if (!task) throw new NanoError("task-not-found", `There is no task ${id}`);
    if (task.cancelling) return task;
    if (!this.#isCancellable(task)) {
      const why = whyNotCancellable(task.state);
      const what = `The ${task.operation} of ${task.resource.name}`;
      throw new NanoError("not-cancellable", `${what} cannot be cancelled: ${why}`, { details: { state: task.state } });
    }
    await markCancelling(trx, id);
    return { ...task, cancelling: true };
  }

  /** Whether it can neither be finished nor undone, as long as its cell is away. */
  isStuck(task: StoredTask): boolean {
    if (hasEnded(task.state) || this.#options.isCellAway?.(task) !== true) return false;
    return task.state === "unwinding" || !(task.cancelling || this.#isCancellable(task));
  }

  /**
   * Ends a task where it is, and those that wait for it: their cell is away, or they are out of date. Call `dismiss`
   * once that is committed.
   * @param as how it ends; by default as it was about to, with the error that it had
   * @returns the tasks that were ended
   */
  async abandon(trx: Write, id: TaskId, why: NanoError, as?: "failed"): Promise<TaskId[]> {
    const { clock, onEnd } = this.#options;
    const task = await findTask(trx, id);
    if (!task || hasEnded(task.state)) return [];
    const endedAt = timestamp(clock.now());
    const ended: StoredTask = {
      ...task,
      state: as ?? task.outcome ?? "cancelled",
      steps: task.steps.map((step) =>
        step.state === "running" || step.state === "undoing" ? { ...step, state: "failed", endedAt } : step,
      ),
      error: (as ? undefined : task.error) ?? bodyForPeople(why),
      obstacle: null,
      endedAt,
    };
    await saveTask(trx, ended);
    const waiting = await tasksWaitingFor(trx, id);
    const [next] = waiting;
    await onEnd(trx, ended, next);
    await this.#tell(trx, ended);
    const others: TaskId[] = [];
    for (const other of waiting) others.push(...(await this.abandon(trx, other, why, as)));
    return [id, ...others];
  }

  /** Lets go of tasks that were ended. */
  dismiss(ids: readonly TaskId[]): void {
    for (const id of ids) {
      this.#drivers.get(id)?.driver.stop();
      this.drive(id);
    }
  }

  /** The task that begins when this one has ended, if there is one. */
  async waitingFor(db: Kysely<Database>, id: TaskId): Promise<StoredTask | undefined> {
    const [first] = await tasksWaitingFor(db, id);
    return first === undefined ? undefined : findTask(db, first);
  }

  /** Acts on a cancellation that is on record. */
  interrupt(id: TaskId): void {
    const driver = this.#drivers.get(id)?.driver;
    if (driver) driver.cancel();
    this.drive(id);
  }

  /** Resolves when the task has ended, or after so many milliseconds. */
  async ended(id: TaskId, withinMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiters = this.#waiters.get(id) ?? new Set();
    this.#waiters.set(id, waiters.add(resolve));
    const timer = setTimeout(resolve, withinMs);
    try {
      const task = await findTask(this.#options.db, id);
      if (task && !hasEnded(task.state) && !this.#stopping) await promise;
    } finally {
      clearTimeout(timer);
      waiters.delete(resolve);
      if (waiters.size === 0) this.#waiters.delete(id);
    }
  }

  /**
   * Interrupts what waits and lets the steps under way end, 10 s at most. What has not ended goes on at the next start.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    const running = [...this.#drivers.values()];
    for (const { driver } of running) driver.stop();
    for (const waiters of this.#waiters.values()) for (const resolve of waiters) resolve();
    await Promise.race([Promise.all(running.map(({ done }) => done)), Bun.sleep(drainMs)]);
  }

  /** @returns whether the task was ended */
  async #endIfOutOfDate(task: StoredTask): Promise<boolean> {
    const { id, operation, resource } = task;
    if (!this.#takenUp.has(id)) return false;
    const { journal, log, outOfDate } = this.#options;
    const found = await outOfDate?.(task);
    if (!found) {
      this.#takenUp.delete(id);
      return false;
    }
    log.warn("A task of an older database is out of date; ending it as it is", {
      task: id,
      operation,
      resource: resource.id,
    });
    const ended = await journal.write(async (trx) => {
      const all = await this.abandon(trx, id, found.why, "failed");
      await found.settle(trx);
      return all;
    });
    for (const one of ended) this.#takenUp.delete(one);
    this.dismiss(ended.filter((one) => one !== id));
    return true;
  }

  #sagaOf(operation: string): Saga {
    const saga = this.#sagas.get(operation);
    if (saga) return saga;
    throw new NanoError("internal", `There is no saga for ${operation}: was this database written by a newer Nano?`);
  }

  #isCancellable(task: StoredTask): boolean {
    if (task.cancelling || (task.state !== "queued" && task.state !== "running")) return false;
    const recorded = task.steps[task.step];
    const step = this.#sagas.get(task.operation)?.steps.find(({ name }) => name === recorded?.name);
    return !(step && isFinal(step) && recorded?.state !== "waiting");
  }

  #tell(trx: Write, task: StoredTask): Promise<void> {
    const { actor, requestId } = task;
    return this.#options.journal.tell(trx, "task.changed", task.id, factsOf(this.view(task)), { actor, requestId });
  }
}

/** An error's code, in words that name nothing. */
const wordless = ({ code }: ErrorBody): ErrorBody => ({
  code,
  message: "It failed",
  remedy: errorDefinitions[code].remedy,
});

const whyNotCancellable = (state: TaskState): string => {
  if (hasEnded(state)) return `it is ${state}`;
  return state === "unwinding" ? "it failed, and is being undone" : "there is no way back from where it is";
};

/** What an event says of a task. */
export const factsOf = (task: Task): Record<string, string | number | boolean> => ({
  operation: task.operation,
  resource: task.resource.id,
  name: task.resource.name,
  state: task.state,
  progress: task.progress,
  owner: task.actor.id,
});
