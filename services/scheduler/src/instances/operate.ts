/** Operations on an instance that exists: checked against its state and its lock, then handed to their sagas. */
import type { Handlers, RequestContext } from "@nano/bus";
import {
  guestPatience,
  type Input,
  type InstanceAction,
  type InstanceId,
  type OperationName,
  type Plan,
  requireRevision,
  type Task,
  type TaskId,
} from "@nano/contract";
import type { Write } from "../events/journal.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { findTask } from "../tasks/store.ts";
import { bytes } from "../units.ts";
import { beginner } from "./begin.ts";
import { changeInstance, requireInstance } from "./change.ts";
import type { DeleteState } from "./delete-saga.ts";
import type { InstanceDeps } from "./deps.ts";
import { readyMedia } from "./media.ts";
import type { StoredInstance } from "./store.ts";
import { toSpec } from "./view.ts";

type Operate = Pick<
  Handlers<"scheduler">,
  "instance.start" | "instance.stop" | "instance.reboot" | "instance.pause" | "instance.resume" | "instance.delete"
>;

type Delete = Input<"instance.delete">;

export function operateHandlers(deps: InstanceDeps, engine: TaskEngine): Operate {
  const { db, registry } = deps;
  const { requireAllowed, requireFree, beginTask, once, answered, begin } = beginner(deps, engine);

  const deleteState = (instance: StoredInstance): DeleteState => ({ spec: toSpec(instance), cell: instance.cell });

  const planDelete = async ({ id, revision }: Delete): Promise<Plan> => {
    const instance = await requireInstance(db, id);
    requireRevision(instance, revision);
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
    // The task that clones an instance works on its source, too: what waits to delete the clone is not about that.
    const ours = waiting?.operation === "instance.delete" && waiting.resource.id === instance.id;
    return ours ? engine.view(waiting) : undefined;
  };

  const remove = async ({ id, revision }: Delete, context: RequestContext): Promise<Task> => {
    let interrupted: TaskId | undefined;
    const task = await once("instance.delete", { id, revision }, context, async (trx) => {
      const instance = await requireInstance(trx, id);
      const already = await deletingAlready(trx, instance);
      if (already) return already;
      requireRevision(instance, revision);
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

  const power = (
    operation: OperationName,
    action: InstanceAction,
    input: { id: InstanceId },
    context: RequestContext,
    more: Record<string, unknown>,
  ): Promise<Task> =>
    begin({ operation, action, input, context, stateOf: ({ id, epoch, cell }) => ({ id, epoch, cell, ...more }) });

  const asked = ({ force = false, timeoutSeconds = guestPatience.default }: Input<"instance.stop">) => ({
    force,
    timeoutSeconds,
  });

  return {
    "instance.start": async (input, context) => {
      // Before anything that may have gone since the first time.
      const before = await answered("instance.start", input, context);
      if (before) return before;
      const media = input.media === undefined ? undefined : await readyMedia(deps, input.media, context);
      return power("instance.start", "start", input, context, media ? { media } : {});
    },
    "instance.stop": (input, context) => {
      return power("instance.stop", input.force ? "force-stop" : "stop", input, context, asked(input));
    },
    "instance.reboot": (input, context) => {
      return power("instance.reboot", input.force ? "force-reboot" : "reboot", input, context, asked(input));
    },
    "instance.pause": (input, context) => power("instance.pause", "pause", input, context, {}),
    "instance.resume": (input, context) => power("instance.resume", "resume", input, context, {}),
    "instance.delete": (input, context) => (input.dryRun === true ? planDelete(input) : remove(input, context)),
  };
}
