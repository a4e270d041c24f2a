/** How work on an instance that exists begins: checked against its state and its lock, then handed to its saga. */
import type { RequestContext } from "@nano/bus";
import {
  allowedActions,
  allows,
  decode,
  type InstanceAction,
  type InstanceId,
  NanoError,
  type OperationName,
  type Plan,
  type Task,
  type TaskId,
  TaskIdSchema,
} from "@nano/contract";
import type { Write } from "../events/journal.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { bytes } from "../units.ts";
import { requireInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import { type StoredInstance, saveInstance } from "./store.ts";

/** One operation on one instance. */
export interface Work<Input extends { id: InstanceId }> {
  readonly operation: OperationName;
  readonly action: InstanceAction | ((instance: StoredInstance) => InstanceAction);
  /** As it was asked for: what an idempotency key stands for. */
  readonly input: Input;
  readonly context: RequestContext;
  /** What the saga begins with. Refuses, by throwing, what is wrong with the input in the instance's present shape. */
  readonly stateOf: (instance: StoredInstance, trx: Write) => unknown | Promise<unknown>;
  /** Changes the row in the transaction of the request, so that what is reserved is reserved at once. */
  readonly prepare?: (instance: StoredInstance, trx: Write) => Promise<StoredInstance>;
}

/** `force-stop` → "force stop" */
const words = (action: InstanceAction): string => action.replaceAll("-", " ");

const actionOf = <Input extends { id: InstanceId }>(
  { action }: Work<Input>,
  instance: StoredInstance,
): InstanceAction => (typeof action === "function" ? action(instance) : action);

export type Begin = ReturnType<typeof beginner>;

export function beginner(deps: InstanceDeps, engine: TaskEngine) {
  const { db, journal, registry, newId } = deps;

  /** @throws NanoError `cell-offline`, `wrong-state` */
  const requireAllowed = (instance: StoredInstance, action: InstanceAction): void => {
    if (!registry.isOnline(instance.cell))
      throw new NanoError(
        "cell-offline",
        `The cell ${registry.nameOf(instance.cell)} of ${instance.name} does not answer`,
        { details: { cell: instance.cell } },
      );
    const answer = allows(instance.state, action);
    if (answer !== true)
      throw new NanoError("wrong-state", `Cannot ${words(action)} ${instance.name}, which is ${instance.state}`, {
        remedy: answer,
        details: { instance: instance.id, state: instance.state, action, allowed: allowedActions(instance.state) },
      });
  };

  /** @throws NanoError `busy` */
  const requireFree = (instance: StoredInstance, operation: OperationName): void => {
    if (instance.task === null) return;
    throw new NanoError("busy", `Another task is working on ${instance.name}; ${operation} has to wait for it`, {
      details: { taskId: instance.task },
    });
  };

  const beginTask = async (
    trx: Write,
    instance: StoredInstance,
    operation: OperationName,
    state: unknown,
    context: RequestContext,
    waitsFor?: TaskId,
  ): Promise<Task> => {
    const id = decode(TaskIdSchema, newId(), "Naming a task");
    // One that waits gets the lock from the task it waits for.
    if (waitsFor === undefined) await saveInstance(trx, { ...instance, task: id });
    return engine.begin(trx, {
      id,
      operation,
      resource: { id: instance.id, name: instance.name },
      state,
      actor: context.actor,
      requestId: context.requestId,
      ...(waitsFor === undefined ? {} : { waitsFor }),
    });
  };

  /** With the same idempotency key: one effect, one answer. */
  const once = async (
    operation: OperationName,
    input: unknown,
    context: RequestContext,
    work: (trx: Write) => Promise<Task>,
  ): Promise<Task> => {
    const request = { key: context.idempotencyKey, actor: context.actor.id, operation, input };
    const task = await journal.writeOnce(request, work);
    engine.drive(task.id);
    return task;
  };

  /**
   * The answer of the first time, if this idempotency key was used before: to be looked for before anything that may
   * have gone since.
   */
  const answered = async (
    operation: OperationName,
    input: unknown,
    context: RequestContext,
  ): Promise<Task | undefined> =>
    (await journal.answered<Task>({ key: context.idempotencyKey, actor: context.actor.id, operation, input }))?.answer;

  const begin = <Input extends { id: InstanceId }>(work: Work<Input>): Promise<Task> =>
    once(work.operation, work.input, work.context, async (trx) => {
      const instance = await requireInstance(trx, work.input.id);
      requireFree(instance, work.operation);
      requireAllowed(instance, actionOf(work, instance));
      const state = await work.stateOf(instance, trx);
      const prepared = (await work.prepare?.(instance, trx)) ?? instance;
      return beginTask(trx, prepared, work.operation, state, work.context);
    });

  /** What `begin` would do, and that nothing was done. @param copyBytes of disks and images, at most */
  const plan = async <Input extends { id: InstanceId }>(work: Work<Input>, copyBytes = bytes(0)): Promise<Plan> => {
    const { operation } = work;
    const instance = await requireInstance(db, work.input.id);
    requireFree(instance, operation);
    requireAllowed(instance, actionOf(work, instance));
    const state = await journal.write((trx) => Promise.resolve(work.stateOf(instance, trx)));
    return {
      kind: "plan",
      operation,
      steps: engine.plan(operation, state),
      cell: { id: instance.cell, name: registry.nameOf(instance.cell) },
      copyBytes,
      locks: [`instance ${instance.name}`],
    };
  };

  return { requireAllowed, requireFree, beginTask, once, answered, begin, plan };
}
