/**
 * Snapshots: what an instance was, kept by its cell. Nothing of them is stored here but their number, as the cell last
 * said it.
 */
import type { Handlers, RequestContext } from "@nano/bus";
import {
  decode,
  type InstanceAction,
  type InstanceId,
  limits,
  NanoError,
  type OperationName,
  type OperationsOf,
  type Snapshot,
  type SnapshotId,
  SnapshotIdSchema,
  snapshotHold,
} from "@nano/contract";
import type { TaskEngine } from "../tasks/engine.ts";
import { beginner } from "./begin.ts";
import { requireInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import type { CreateSnapshotState, DeleteSnapshotState, RestoreSnapshotState } from "./snapshot-sagas.ts";
import type { StoredInstance } from "./store.ts";
import { toSpec } from "./view.ts";

type SnapshotOperations = Extract<OperationsOf<"scheduler">, `snapshot.${string}`>;

export function snapshotHandlers(
  deps: InstanceDeps,
  engine: TaskEngine,
): Pick<Handlers<"scheduler">, SnapshotOperations> {
  const { db, ask, newId } = deps;
  const { requireAllowed, requireFree, answered, begin } = beginner(deps, engine);

  const list = async ({ id, cell }: Pick<StoredInstance, "id" | "cell">, requestId: string): Promise<Snapshot[]> =>
    (await ask(cell, "cell.snapshot.list", { id }, requestId)).items;

  /**
   * What the cell is asked before anything begins. The cell refuses the same again: what it has may change until then.
   */
  const look = async (
    id: InstanceId,
    operation: OperationName,
    action: InstanceAction | ((instance: StoredInstance) => InstanceAction),
    context: RequestContext,
  ): Promise<{ instance: StoredInstance; snapshots: Snapshot[] }> => {
    const instance = await requireInstance(db, id);
    requireFree(instance, operation);
    requireAllowed(instance, typeof action === "function" ? action(instance) : action);
    return { instance, snapshots: await list(instance, context.requestId) };
  };

  const requireSnapshot = (snapshots: readonly Snapshot[], id: SnapshotId, name: string): Snapshot => {
    const found = snapshots.find((snapshot) => snapshot.id === id);
    if (found) return found;
    throw new NanoError("snapshot-not-found", `${name} has no snapshot ${id}`, { details: { snapshot: id } });
  };

  return {
    "snapshot.list": async ({ id }, { requestId }) => ({ items: await list(await requireInstance(db, id), requestId) }),

    "snapshot.create": async (input, context) => {
      const before = await answered("snapshot.create", input, context);
      if (before) return before;
      const { instance, snapshots } = await look(input.id, "snapshot.create", "create-snapshot", context);
      refuseFirmware(instance);
      refuseUnfit(instance, snapshots, input.name);
      const snapshot = decode(SnapshotIdSchema, newId(), "Naming a snapshot");
      return begin({
        operation: "snapshot.create",
        action: "create-snapshot",
        input,
        context,
        stateOf: ({ id, epoch, cell, name, state }): CreateSnapshotState => {
          const running = state === "running";
          if (input.memory === true && !running)
            throw new NanoError("wrong-state", `${name} is ${state}: it has no memory to keep`, {
              remedy: "Take the snapshot without memory.",
              details: { state },
            });
          return {
            ...{ id, epoch, cell, snapshot, name: input.name, description: input.description ?? "" },
            ...{ memory: input.memory ?? running, createdBy: context.actor.name },
          };
        },
      });
    },

    "snapshot.restore": async (input, context) => {
      const before = await answered("snapshot.restore", input, context);
      if (before) return before;
      const stops = ({ state }: StoredInstance) => input.force === true && state !== "stopped" && state !== "crashed";
      const action = (instance: StoredInstance) => (stops(instance) ? "force-stop" : "restore-snapshot");
      const { instance, snapshots } = await look(input.id, "snapshot.restore", action, context);
      const { name } = requireSnapshot(snapshots, input.snapshot, instance.name);
      return begin({
        operation: "snapshot.restore",
        action,
        input,
        context,
        stateOf: (row): RestoreSnapshotState => {
          const { id, epoch, cell } = row;
          return { id, epoch, cell, snapshot: input.snapshot, name, spec: toSpec(row), stop: stops(row) };
        },
      });
    },

    "snapshot.delete": async (input, context) => {
      const before = await answered("snapshot.delete", input, context);
      if (before) return before;
      const force = input.force === true;
      const { instance, snapshots } = await look(input.id, "snapshot.delete", "delete-snapshot", context);
      const snapshot = requireSnapshot(snapshots, input.snapshot, instance.name);
      const hold = force ? undefined : snapshotHold(snapshot, snapshots);
      if (hold !== undefined)
        throw new NanoError("snapshot-in-use", `The snapshot ${snapshot.name} cannot be deleted: ${hold}`, {
          details: { snapshot: snapshot.id },
        });
      return begin({
        operation: "snapshot.delete",
        action: "delete-snapshot",
        input,
        context,
        stateOf: ({ id, epoch, cell }): DeleteSnapshotState => ({
          ...{ id, epoch, cell, snapshot: snapshot.id, name: snapshot.name, force },
        }),
      });
    },
  };
}

/** @throws NanoError `unsupported-by-cell` */
const refuseFirmware = ({ name, settings }: StoredInstance): void => {
  if (settings.hardware.firmware !== "uefi") return;
  throw new NanoError(
    "unsupported-by-cell",
    `${name} has UEFI firmware, and its cell's libvirt cannot keep the firmware's own memory with a snapshot`,
    { remedy: "Stop the instance and clone it instead.", details: { firmware: "uefi" } },
  );
};

/** @throws NanoError `limit-reached`, `name-taken` */
const refuseUnfit = (instance: StoredInstance, snapshots: readonly Snapshot[], name: string): void => {
  if (snapshots.length >= limits.snapshots)
    throw new NanoError("limit-reached", `${instance.name} has ${snapshots.length} snapshots; more are not kept`, {
      details: { limit: limits.snapshots },
    });
  if (snapshots.some((snapshot) => snapshot.name === name))
    throw new NanoError("name-taken", `${instance.name} has a snapshot '${name}' already`);
};
