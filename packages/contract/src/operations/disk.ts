/** The disks of an instance that exists. */
import { operation } from "../operation.ts";
import { Disk, Task } from "../records.ts";
import { BytesSchema, Closed, DiskGiB, DiskName, InstanceIdSchema, limits, Type } from "../schema.ts";
import { bytes, gib, ids, sha256, verbTask } from "./examples.ts";

const one = { id: InstanceIdSchema, disk: DiskName };
const errors = [
  "instance-not-found",
  "wrong-state",
  "busy",
  "cell-offline",
  "has-snapshots",
  "hypervisor-failed",
] as const;
const changing = {
  owner: "scheduler" as const,
  output: Task,
  requires: "instance.modify" as const,
  changes: true,
  task: true as const,
  events: ["instance.changed", "task.changed"] as const,
};

/** A disk, and how its cell finds it. */
export const DiskStatus = Closed({
  ...Disk.properties,
  allocatedBytes: Type.Optional(BytesSchema),
  shared: Type.Optional(
    Type.Boolean({
      description:
        "Of a disk with `backing: shared`: whether another disk needs the file under it now; absent when its cell cannot tell",
    }),
  ),
  missing: Type.Optional(Type.Boolean({ description: "Its file is not in the cell's storage any more" })),
});

export const diskOperations = {
  "disk.list": operation({
    owner: "scheduler",
    summary: "List an instance's disks, and how much room each takes",
    description:
      "A disk takes only the room of what was written to it: `allocatedBytes` is that, without its backing image, `sizeGiB` what it may grow to and what is reserved for it.",
    input: Closed({ id: InstanceIdSchema }),
    output: Closed({ items: Type.Array(DiskStatus, { maxItems: 1 + limits.dataDisks }) }),
    errors: ["instance-not-found", "cell-offline", "hypervisor-failed"],
    requires: "instance.read",
    rest: { method: "GET", path: "/api/v2/instances/{id}/disks", status: 200 },
    changes: false,
    events: [],
    example: {
      input: { id: ids.instance },
      output: {
        items: [
          {
            name: "system",
            sizeGiB: gib(20),
            image: { id: ids.image, name: "debian-12", sha256 },
            allocatedBytes: bytes(1_468_006_400),
          },
        ],
      },
    },
  }),
  "disk.add": operation({
    ...changing,
    summary: "Add a blank data disk to an instance",
    description:
      "Also while it runs, where its disks are on a bus that takes one then (`virtio`, `scsi`). The room is reserved on its cell at once.",
    input: Closed({ id: InstanceIdSchema, sizeGiB: DiskGiB }),
    errors: [...errors, "no-room", "too-many-disks", "disk-full"],
    rest: { method: "POST", path: "/api/v2/instances/{id}/disks", status: 202 },
    example: { input: { id: ids.instance, sizeGiB: gib(10) }, output: verbTask("disk.add", "Create the disk") },
  }),
  "disk.remove": operation({
    ...changing,
    summary: "Remove a data disk from an instance, with everything on it",
    description: "The system disk stays. Of a running instance the guest has to let go of it: unmount it there first.",
    input: Closed(one),
    errors: [...errors, "disk-not-found", "in-use"],
    rest: { method: "DELETE", path: "/api/v2/instances/{id}/disks/{disk}", status: 202 },
    example: { input: { id: ids.instance, disk: "data-1" }, output: verbTask("disk.remove", "Delete the disk") },
  }),
  "disk.grow": operation({
    ...changing,
    summary: "Make a disk larger",
    description:
      "Also while it runs: the guest sees the new size at once and grows its file system itself. A disk never becomes smaller than it was: the guest's data may be anywhere on it.",
    input: Closed({ ...one, sizeGiB: DiskGiB }),
    errors: [...errors, "disk-not-found", "disk-missing", "disk-not-larger", "no-room", "disk-full"],
    rest: { method: "POST", path: "/api/v2/instances/{id}/disks/{disk}/grow", status: 202 },
    example: {
      input: { id: ids.instance, disk: "system", sizeGiB: gib(40) },
      output: verbTask("disk.grow", "Grow the disk"),
    },
  }),
  "disk.shrink": operation({
    ...changing,
    summary: "Give the room back that a disk takes and does not use",
    description:
      "Writes the disk's file anew without what is empty: it takes less room in the cell's storage, its size stays. Needs the instance to be off, and meanwhile as much room as the result takes.",
    input: Closed(one),
    errors: [...errors, "unsupported-by-cell", "disk-not-found", "disk-missing", "disk-full"],
    rest: { method: "POST", path: "/api/v2/instances/{id}/disks/{disk}/shrink", status: 202 },
    example: {
      input: { id: ids.instance, disk: "system" },
      output: verbTask("disk.shrink", "Write the disk anew without what is empty"),
    },
  }),
};
