import { operation } from "../operation.ts";
import { Task } from "../records.ts";
import { Closed, ImageIdSchema, InstanceIdSchema, Type } from "../schema.ts";
import { ids, verbTask } from "./examples.ts";

export const systemOperations = {
  "system.reset": operation({
    owner: "scheduler",
    summary: "Make an instance's system disk anew, from its image or another one",
    description:
      "What is on the system disk is lost; data disks, addresses and settings stay. Without `image` and `blank` it is made from the image it came from, " +
      "or blank if it came from none. The instance must be off and have no snapshots.",
    input: Closed({
      id: InstanceIdSchema,
      image: Type.Optional(ImageIdSchema),
      blank: Type.Optional(Type.Boolean({ description: "From no image at all" })),
    }),
    output: Task,
    errors: [
      ...(["instance-not-found", "wrong-state", "busy", "cell-offline", "hypervisor-failed", "has-snapshots"] as const),
      ...(["image-not-found", "image-not-ready", "disk-smaller-than-image", "idempotency-key-reused"] as const),
    ],
    requires: "instance.delete",
    rest: { method: "POST", path: "/api/v2/instances/{id}/system/reset", status: 202 },
    changes: true,
    task: true,
    events: ["instance.changed", "task.changed"],
    example: {
      input: { id: ids.instance, image: ids.image },
      output: verbTask("system.reset", "Erase the system disk"),
    },
  }),
};
