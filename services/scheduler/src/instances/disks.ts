/** The disks of an instance that exists: what is asked about them and of them. */
import type { Handlers, RequestContext } from "@nano/bus";
import {
  allowedActions,
  type Disk,
  disksAtMost,
  groundOf,
  type InstanceAction,
  type InstanceId,
  limits,
  NanoError,
  type OperationName,
  type Task,
} from "@nano/contract";
import type { TaskEngine } from "../tasks/engine.ts";
import { beginner } from "./begin.ts";
import { changeInstance, requireInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import type { DiskState } from "./disk-sagas.ts";
import { freshGeneration, ofGeneration } from "./generation.ts";
import { requireStorage } from "./reserve.ts";
import type { StoredInstance } from "./store.ts";
import { toSpec } from "./view.ts";
import { requireNoSnapshots } from "./without-snapshots.ts";

type DiskOperations = "disk.list" | "disk.add" | "disk.remove" | "disk.grow" | "disk.shrink";
/** Which disk it is about, and which disks there are afterwards. */
interface Change {
  readonly disk: Disk;
  readonly disks: readonly Disk[];
}

export function diskHandlers(deps: InstanceDeps, engine: TaskEngine): Pick<Handlers<"scheduler">, DiskOperations> {
  const { db, registry, ask } = deps;
  const { begin } = beginner(deps, engine);

  /**
   * Begins a saga of disk-sagas.ts. What is promised more than before is reserved in the transaction of the request.
   */
  const change = (
    operation: OperationName,
    action: InstanceAction,
    input: { id: InstanceId },
    context: RequestContext,
    changeOf: (instance: StoredInstance) => Change,
    reserves: boolean,
  ): Promise<Task> =>
    begin({
      operation,
      action,
      input,
      context,
      stateOf: (instance): DiskState => {
        requireNoSnapshots(instance, "change its disks");
        const { disk, disks } = changeOf(instance);
        const { id, epoch, cell } = instance;
        return { id, epoch, cell, disk, before: toSpec(instance), after: toSpec({ ...instance, disks }) };
      },
      ...(reserves
        ? {
            prepare: async (instance, trx) => {
              const { disks } = changeOf(instance);
              await requireStorage(deps, trx, instance, sizeOf(disks) - sizeOf(instance.disks));
              return changeInstance(deps, trx, instance, { disks }, context);
            },
          }
        : {}),
    });

  return {
    "disk.list": async ({ id }, { requestId }) => {
      const { cell, name, disks } = await requireInstance(db, id);
      if (!registry.isOnline(cell))
        throw new NanoError("cell-offline", `The cell ${registry.nameOf(cell)} of ${name} does not answer`, {
          details: { cell },
        });
      const { items } = await ask(cell, "cell.disk.list", { id }, requestId);
      const measured = new Map(items.map((item) => [item.name, item]));
      return {
        items: disks.map((disk) => {
          const found = measured.get(disk.name);
          if (!found) return { ...disk, missing: true };
          const { allocatedBytes, shared } = found;
          return { ...disk, allocatedBytes, ...(shared === undefined ? {} : { shared }) };
        }),
      };
    },
    "disk.add": (input, context) =>
      change(
        "disk.add",
        "add-disk",
        input,
        context,
        (instance) => {
          requireHotPlug(instance);
          const generation = freshGeneration(instance.disks);
          const disk = { name: freeName(instance), sizeGiB: input.sizeGiB, ...ofGeneration(generation) };
          return { disk, disks: [...instance.disks, disk] };
        },
        true,
      ),
    "disk.remove": (input, context) =>
      change(
        "disk.remove",
        "remove-disk",
        input,
        context,
        (instance) => {
          const disk = diskOf(instance, input.disk);
          if (disk.name === "system") {
            const message = "The system disk is removed with its instance only";
            throw new NanoError("invalid-input", message, {
              remedy: "Delete the instance, or reset its system.",
              details: { fields: [{ path: "/disk", message }] },
            });
          }
          requireHotPlug(instance);
          return { disk, disks: instance.disks.filter(({ name }) => name !== disk.name) };
        },
        false,
      ),
    "disk.grow": (input, context) =>
      change(
        "disk.grow",
        "grow-disk",
        input,
        context,
        (instance) => {
          const before = diskOf(instance, input.disk);
          if (input.sizeGiB <= before.sizeGiB)
            throw new NanoError(
              "disk-not-larger",
              `The disk ${before.name} of ${instance.name} has ${before.sizeGiB} GiB; ${input.sizeGiB} are not more`,
              { details: { sizeGiB: before.sizeGiB } },
            );
          return replaced(instance, { ...before, sizeGiB: input.sizeGiB });
        },
        true,
      ),
    "disk.shrink": (input, context) =>
      change(
        "disk.shrink",
        "shrink-disk",
        input,
        context,
        (instance) => {
          const before = diskOf(instance, input.disk);
          const ground = groundOf(before);
          if (ground !== undefined)
            throw new NanoError(
              "unsupported-by-cell",
              `${input.disk} of ${instance.name} lies over ${ground}: writing it anew would copy all of that into it`,
              {
                remedy: "Only disks that are no clones can be written anew; those of a full clone can.",
                details: { disk: input.disk },
              },
            );
          return replaced(instance, { ...before, generation: (before.generation ?? 0) + 1 });
        },
        false,
      ),
  };
}

const sizeOf = (disks: readonly Disk[]): number => disks.reduce((sum, { sizeGiB }) => sum + sizeGiB, 0);

const replaced = ({ disks }: StoredInstance, disk: Disk): Change => ({
  disk,
  disks: disks.map((each) => (each.name === disk.name ? disk : each)),
});

/** @throws NanoError `disk-not-found` */
export const diskOf = ({ name, disks }: StoredInstance, wanted: string): Disk => {
  const found = disks.find((disk) => disk.name === wanted);
  if (found) return found;
  throw new NanoError("disk-not-found", `${name} has no disk ${wanted}`, {
    details: { disk: wanted, disks: disks.map((disk) => disk.name) },
  });
};

/** The first name that is free. @throws NanoError `too-many-disks` */
const freeName = ({ name, disks, settings }: StoredInstance): string => {
  const most = Math.min(1 + limits.dataDisks, disksAtMost(settings.hardware, settings.cloudInit !== undefined));
  const names = Array.from({ length: limits.dataDisks }, (_, n) => `data-${n + 1}`);
  const free = names.find((candidate) => !disks.some((disk) => disk.name === candidate));
  if (free !== undefined && disks.length < most) return free;
  throw new NanoError("too-many-disks", `${name} has ${disks.length} disks, and there is room for ${most}`, {
    details: { disks: disks.length, most },
  });
};

/** Buses whose disks come and go while the machine runs. @throws NanoError `wrong-state` */
const requireHotPlug = ({ name, state, settings: { hardware } }: StoredInstance): void => {
  if (state !== "running" || hardware.diskBus === "virtio" || hardware.diskBus === "scsi") return;
  throw new NanoError(
    "wrong-state",
    `The disks of ${name} are on ${hardware.diskBus}, where none comes or goes while it runs`,
    {
      remedy: "Stop it first.",
      details: { state, allowed: allowedActions(state) },
    },
  );
};
