/** A disk of an instance as a new disk image. */
import { operation } from "../operation.ts";
import { Task } from "../records.ts";
import { Closed, Description, DiskName, ImageTags, InstanceIdSchema, NewLabel, Type } from "../schema.ts";
import { ids, verbTask } from "./examples.ts";

export const exportOperations = {
  "disk.export": operation({
    owner: "scheduler",
    summary: "Make a disk image of an instance's disk",
    description:
      "The disk as it is now (of a running instance: at one moment, as after a power cut, or cleanly where a guest agent can freeze its file systems), flattened: without its snapshots, and with what a clone has from its image. The image is listed at once and `ready` when the task is done, whose `result` names it; it keeps nothing of the instance but a note where it comes from. Needs `image.write`, too. " +
      "What identifies the guest (host keys, machine id, passwords) is in the image: clean it inside the guest first.",
    input: Closed({
      id: InstanceIdSchema,
      disk: DiskName,
      name: NewLabel,
      description: Type.Optional(Description),
      tags: Type.Optional(ImageTags),
    }),
    output: Task,
    errors: [
      "instance-not-found",
      "disk-not-found",
      "disk-missing",
      "wrong-state",
      "busy",
      "cell-offline",
      "name-taken",
      "disk-full",
      "quota-exceeded",
      "image-too-large",
      "hypervisor-failed",
      "idempotency-key-reused",
    ],
    requires: "instance.modify",
    rest: { method: "POST", path: "/api/v2/instances/{id}/disks/{disk}/export", status: 202 },
    changes: true,
    task: true,
    events: ["image.changed", "instance.changed", "task.changed"],
    example: {
      input: { id: ids.instance, disk: "system", name: "web-1-golden", tags: ["linux"] },
      output: verbTask("disk.export", "Copy the disk"),
    },
  }),
};
