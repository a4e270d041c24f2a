/**
 * What is on a cell that is away, and may never return. Nobody can undo anything there, so a task that waits for it can
 * be ended as it is, and an instance can be forgotten: its record goes, with all it reserved, and a tombstone stays.
 * Should the cell return after all, what it has of a forgotten instance is shown as a stray (`judge.ts`); what was only
 * half made, or was to be deleted, is removed.
 */
import type { Handlers } from "@nano/bus";
import { allowedActions, type CellId, NanoError, type TaskId, timestamp } from "@nano/contract";
import type { Cause, Write } from "../events/journal.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { findTask, type StoredTask } from "../tasks/store.ts";
import { requireInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import { refreshUsage } from "./reserve.ts";
import {
  deleteInstance,
  findInstance,
  instancesOfCell,
  noteLeft,
  type StoredInstance,
  type TombstoneKind,
} from "./store.ts";
import { toSpec } from "./view.ts";

export type Forgetter = ReturnType<typeof forgetter>;

/** Tasks that were ended in a transaction are given to `engine.dismiss` once it is committed. */
export function forgetter(deps: InstanceDeps, engine: TaskEngine) {
  const { journal, clock, registry } = deps;

  const drop = async (trx: Write, instance: StoredInstance, kind: TombstoneKind, cause?: Cause): Promise<void> => {
    const { id, name, pool, cell } = instance;
    await deleteInstance(trx, instance, timestamp(clock.now()), kind);
    if (kind === "deleted") await noteLeft(trx, id, { cell, spec: toSpec(instance) });
    await journal.tell(trx, "instance.deleted", id, { name, pool, cell, forgotten: kind === "forgotten" }, cause);
  };

  /**
   * Ends a task where it is. What it had only begun to make, or to delete, goes with it. @returns the tasks that were
   * ended
   */
  const endTask = async (trx: Write, task: StoredTask, cause?: Cause): Promise<TaskId[]> => {
    const cell = cellOf(task);
    const where = cell === undefined ? "Its cell" : `The cell ${registry.nameOf(cell)}`;
    const ended = await engine.abandon(
      trx,
      task.id,
      new NanoError("cell-offline", `${where} does not answer: nothing was undone there`, {
        remedy: "What was half made is removed when the cell returns; look after the rest of it then.",
      }),
    );
    const instance = await findInstance(trx, task.resource.id as StoredInstance["id"]);
    const unfinished = instance?.state === "creating" || instance?.state === "deleting";
    if (instance && unfinished) await drop(trx, instance, "deleted", cause);
    return ended;
  };

  /** @returns the tasks that were ended with it */
  const forgetInstance = async (trx: Write, instance: StoredInstance, cause?: Cause): Promise<TaskId[]> => {
    const task = instance.task === null ? undefined : await findTask(trx, instance.task);
    const ended = task ? await endTask(trx, task, cause) : [];
    const left = await findInstance(trx, instance.id);
    if (left) await drop(trx, left, "forgotten", cause);
    return ended;
  };

  /** Everything on a cell. @returns the tasks that were ended with it */
  const forgetInstancesOf = async (trx: Write, cell: CellId, cause?: Cause): Promise<TaskId[]> => {
    const ended: TaskId[] = [];
    for (const { id } of await instancesOfCell(trx, cell)) {
      // A clone that was being made went with the task of its source.
      const instance = await findInstance(trx, id);
      if (instance) ended.push(...(await forgetInstance(trx, instance, cause)));
    }
    return ended;
  };

  return { endTask, forgetInstance, forgetInstancesOf };
}

/** The cell that a task works on: every saga's state names it. */
export const cellOf = ({ data }: Pick<StoredTask, "data">): CellId | undefined => {
  if (typeof data !== "object" || data === null || !("cell" in data)) return undefined;
  return typeof data.cell === "string" ? (data.cell as CellId) : undefined;
};

export function forgetHandlers(deps: InstanceDeps, engine: TaskEngine): Pick<Handlers<"scheduler">, "instance.forget"> {
  const { journal, registry } = deps;
  const { forgetInstance } = forgetter(deps, engine);
  return {
    "instance.forget": async (input, context) => {
      const request = { key: context.idempotencyKey, actor: context.actor.id, operation: "instance.forget", input };
      const done = await journal.writeOnce(request, async (trx) => {
        const instance = await requireInstance(trx, input.id);
        const { cell, name, state } = instance;
        if (!registry.isAway(cell))
          throw new NanoError("wrong-state", `The cell ${registry.nameOf(cell)} of ${name} answers`, {
            remedy: "Delete the instance instead: its disks go with it.",
            details: { state, allowed: allowedActions(state) },
          });
        return { cell, ended: await forgetInstance(trx, instance, context) };
      });
      engine.dismiss(done.ended);
      await refreshUsage(deps, done.cell);
      return {};
    },
  };
}
