/** Operations on an instance that exists: checked against its state and its lock, then handed to their sagas. */
import type { Handlers, RequestContext } from "@nano/bus";
import {
  allowedActions,
  allows,
  decode,
  type InstanceAction,
  type InstanceId,
  type MediaId,
  NanoError,
  type OperationName,
  type Plan,
  type Task,
  type TaskId,
  TaskIdSchema,
} from "@nano/contract";
import type { Write } from "../events/journal.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { findTask } from "../tasks/store.ts";
import { bytes } from "../units.ts";
import { changeInstance, requireInstance } from "./change.ts";
import type { DeleteState } from "./delete-saga.ts";
import type { InstanceDeps } from "./deps.ts";
import type { ForceableState, StartState } from "./power-sagas.ts";
import { type StoredInstance, saveInstance } from "./store.ts";
import { toSpec } from "./view.ts";

type Operate = Pick<Handlers<"scheduler">, "instance.start" | "instance.stop" | "instance.reboot" | "instance.delete">;

export function operateHandlers(deps: InstanceDeps, engine: TaskEngine): Operate {
  const { db, bus, journal, registry, newId } = deps;

  /** @throws NanoError `cell-offline`, `wrong-state` */
  const requireAllowed = (instance: StoredInstance, action: InstanceAction): void => {
    if (!registry.isOnline(instance.cell))
      throw new NanoError(
        "cell-offline",
        `The cell ${registry.nameOf(instance.cell)} of ${instance.name} does not answer`,
        {
          details: { cell: instance.cell },
        },
      );
    const answer = allows(instance.state, action);
    if (answer !== true)
      throw new NanoError("wrong-state", `Cannot ${action} ${instance.name}, which is ${instance.state}: ${answer}`, {
        details: { state: instance.state, allowed: allowedActions(instance.state) },
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

  const operate = (
    input: { id: InstanceId },
    context: RequestContext,
    operation: OperationName,
    action: InstanceAction,
    stateOf: (instance: StoredInstance) => StartState | ForceableState,
  ): Promise<Task> =>
    once(operation, input, context, async (trx) => {
      const instance = await requireInstance(trx, input.id);
      requireFree(instance, operation);
      requireAllowed(instance, action);
      return beginTask(trx, instance, operation, stateOf(instance), context);
    });

  const deleteState = (instance: StoredInstance): DeleteState => ({ spec: toSpec(instance), cell: instance.cell });

  const planDelete = async (id: InstanceId): Promise<Plan> => {
    const instance = await requireInstance(db, id);
    if (instance.state !== "creating") {
      requireFree(instance, "instance.delete");
      requireAllowed(instance, "delete");
    }
    return {
      kind: "plan",
      operation: "instance.delete",
      steps: engine.plan("instance.delete", deleteState(instance)),
      cell: { id: instance.cell, name: registry.nameOf(instance.cell) },
      copyBytes: bytes(0),
      locks: [`instance ${instance.name}`],
    };
  };

  /** A delete that is under way, or waits for the create to be taken back, is the one that was asked for. */
  const deletingAlready = async (trx: Write, instance: StoredInstance): Promise<Task | undefined> => {
    if (instance.task === null) return undefined;
    const current = await findTask(trx, instance.task);
    if (current?.operation === "instance.delete" && current.state !== "unwinding") return engine.view(current);
    const waiting = await engine.waitingFor(trx, instance.task);
    return waiting?.operation === "instance.delete" ? engine.view(waiting) : undefined;
  };

  const remove = async (id: InstanceId, context: RequestContext): Promise<Task> => {
    let interrupted: TaskId | undefined;
    const task = await once("instance.delete", { id }, context, async (trx) => {
      const instance = await requireInstance(trx, id);
      const already = await deletingAlready(trx, instance);
      if (already) return already;
      if (instance.state === "creating" && instance.task !== null) {
        // Cancels the create where there is still a way back, and deletes whatever is left when that has ended.
        const create = await findTask(trx, instance.task);
        if (create && engine.view(create).cancellable) {
          await engine.markCancelled(trx, create.id);
          interrupted = create.id;
        }
        return beginTask(trx, instance, "instance.delete", deleteState(instance), context, instance.task);
      }
      requireFree(instance, "instance.delete");
      requireAllowed(instance, "delete");
      const deleting = await changeInstance(deps, trx, instance, { state: "deleting", stateReason: null }, context);
      return beginTask(trx, deleting, "instance.delete", deleteState(instance), context);
    });
    if (interrupted !== undefined) engine.interrupt(interrupted);
    return task;
  };

  /** @throws NanoError `media-not-found`, `image-not-ready` */
  const mediaOf = async (id: MediaId, requestId: string) => {
    const { name, sha256 } = await bus.call("media.source", { id }, { requestId });
    return { id, name, sha256 };
  };

  return {
    "instance.start": async (input, context) => {
      // Before anything that may have gone since the first time.
      const request = { key: context.idempotencyKey, actor: context.actor.id, operation: "instance.start", input };
      const before = await journal.answered<Task>(request);
      if (before) return before.answer;
      const media = input.media === undefined ? undefined : await mediaOf(input.media, context.requestId);
      const stateOf = ({ id, epoch, cell }: StoredInstance) => ({ id, epoch, cell, ...(media ? { media } : {}) });
      return operate(input, context, "instance.start", "start", stateOf);
    },
    "instance.stop": (input, context) => {
      const force = input.force === true;
      const stateOf = ({ id, epoch, cell }: StoredInstance) => ({ id, epoch, cell, force });
      return operate(input, context, "instance.stop", force ? "force-stop" : "stop", stateOf);
    },
    "instance.reboot": (input, context) => {
      const force = input.force === true;
      const stateOf = ({ id, epoch, cell }: StoredInstance) => ({ id, epoch, cell, force });
      return operate(input, context, "instance.reboot", force ? "force-reboot" : "reboot", stateOf);
    },
    "instance.delete": ({ id, dryRun }, context) => (dryRun === true ? planDelete(id) : remove(id, context)),
  };
}
