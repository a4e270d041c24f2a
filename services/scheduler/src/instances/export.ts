/** Making an image of an instance's disk: checked here, done by its saga. */
import type { Handlers } from "@nano/bus";
import { decode, groupOf, ImageIdSchema, mayDo, NanoError } from "@nano/contract";
import type { TaskEngine } from "../tasks/engine.ts";
import { beginner } from "./begin.ts";
import { requireInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import { diskOf } from "./disks.ts";
import type { ExportState } from "./export-saga.ts";
import type { StoredInstance } from "./store.ts";

export function exportHandlers(deps: InstanceDeps, engine: TaskEngine): Pick<Handlers<"scheduler">, "disk.export"> {
  const { db, bus, ask, registry, newId } = deps;
  const { answered, begin, requireAllowed } = beginner(deps, engine);

  /** What was written to the disk, if that says how large its image will be: with snapshots it does not. */
  const expectedBytes = async (instance: StoredInstance, disk: string, requestId: string) => {
    if (instance.snapshots > 0 || !registry.isOnline(instance.cell)) return undefined;
    const { items } = await ask(instance.cell, "cell.disk.list", { id: instance.id }, requestId);
    const found = items.find(({ name }) => name === disk);
    if (found) return found.allocatedBytes;
    throw new NanoError("disk-missing", `The file of disk ${disk} of ${instance.name} is gone from its cell`, {
      details: { disk },
    });
  };

  return {
    "disk.export": async (input, context) => {
      const before = await answered("disk.export", input, context);
      if (before) return before;
      if (!mayDo(context.actor, "image.write"))
        throw new NanoError("forbidden", "Exporting a disk makes an image, which takes the permission image.write", {
          details: { requires: "image.write" },
        });
      const { id, disk, name, description = "", tags = [] } = input;
      const instance = await requireInstance(db, id);
      requireAllowed(instance, "export");
      diskOf(instance, disk);
      const image = decode(ImageIdSchema, newId(), "Naming an image");
      const source = { from: "instance" as const, instance: id, name: instance.name, disk };
      const record = { id: image, name, description, tags, source, group: groupOf(context.actor) };
      // What can be refused is refused at once: the name, and the room for it.
      const bytes = await expectedBytes(instance, disk, context.requestId);
      const trial = { ...record, owner: context.actor.name, ...(bytes === undefined ? {} : { bytes }), dryRun: true };
      await bus.call("image.begin", trial, { requestId: context.requestId });
      return begin({
        operation: "disk.export",
        action: "export",
        input,
        context,
        stateOf: (found): ExportState => {
          diskOf(found, disk);
          const { id: _, ...rest } = record;
          return { id, epoch: found.epoch, cell: found.cell, disk, image, ...rest };
        },
      });
    },
  };
}
