/** `system.reset`: the system disk made anew. */
import type { Handlers } from "@nano/bus";
import { type Disk, NanoError } from "@nano/contract";
import type { TaskEngine } from "../tasks/engine.ts";
import { beginner } from "./begin.ts";
import { requireInstance } from "./change.ts";
import { fittingImage } from "./create.ts";
import type { InstanceDeps } from "./deps.ts";
import { freshGeneration, ofGeneration } from "./generation.ts";
import type { ResetState } from "./system-saga.ts";
import { toSpec } from "./view.ts";
import { requireNoSnapshots } from "./without-snapshots.ts";

const operation = "system.reset";

export function systemHandlers(deps: InstanceDeps, engine: TaskEngine): Pick<Handlers<"scheduler">, "system.reset"> {
  const { db } = deps;
  const { answered, begin, requireAllowed, requireFree } = beginner(deps, engine);
  return {
    [operation]: async (input, context) => {
      const before = await answered(operation, input, context);
      if (before) return before;
      if (input.image !== undefined && input.blank === true)
        throw new NanoError("invalid-input", "A system disk is made from an image or blank, not both", {
          details: { fields: [{ path: "/blank", message: "Leave it out, or leave out the image" }] },
        });
      const looked = await requireInstance(db, input.id);
      requireFree(looked, operation);
      requireAllowed(looked, "reset-system");
      const { image: old, ...bare } = systemOf(looked.disks, looked.name);
      const id = input.blank === true ? undefined : (input.image ?? old?.id);
      const image = id === undefined ? undefined : await fittingImage(deps, id, bare.sizeGiB, context);
      return begin({
        operation,
        action: "reset-system",
        input,
        context,
        stateOf: (instance): ResetState => {
          requireNoSnapshots(instance, "reset its system");
          const { sizeGiB, name } = systemOf(instance.disks, instance.name);
          const made = image ? { image: { id: image.id, name: image.name, sha256: image.sha256 } } : {};
          const disk: Disk = { name, sizeGiB, ...made, ...ofGeneration(freshGeneration(instance.disks)) };
          const disks = instance.disks.map((each) => (each.name === name ? disk : each));
          const { cloudInit, ...spec } = toSpec(instance);
          // A new generation is a first boot to cloud-init: it sets the system up again.
          const again = cloudInit ? { cloudInit: { ...cloudInit, generation: cloudInit.generation + 1 } } : {};
          return { id: instance.id, cell: instance.cell, disk, spec: { ...spec, ...again, disks } };
        },
      });
    },
  };
}

const systemOf = (disks: readonly Disk[], name: string): Disk => {
  const system = disks.find((disk) => disk.name === "system");
  if (!system) throw new NanoError("wrong-state", `${name} has no system disk`);
  return system;
};
