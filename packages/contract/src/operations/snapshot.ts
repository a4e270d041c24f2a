import { operation } from "../operation.ts";
import { Task } from "../records.ts";
import { Closed, Description, InstanceIdSchema, limits, NewLabel, SnapshotIdSchema, Type } from "../schema.ts";
import { Snapshot } from "../snapshots.ts";
import { at, ids, verbTask } from "./examples.ts";

const one = { id: InstanceIdSchema, snapshot: SnapshotIdSchema };
const taskErrors = ["instance-not-found", "wrong-state", "busy", "cell-offline", "hypervisor-failed"] as const;
const shared = {
  owner: "scheduler" as const,
  changes: true,
  task: true as const,
  requires: "instance.snapshot" as const,
};
const snapshot: Snapshot = {
  id: ids.snapshot,
  name: "before the upgrade",
  description: "",
  createdAt: at,
  createdBy: "admin",
  current: true,
  running: false,
  memory: false,
};

export const snapshotOperations = {
  "snapshot.list": operation({
    owner: "scheduler",
    summary: "List an instance's snapshots, oldest first",
    description:
      "They form a tree: each but the first has a `parent`, and the instance goes on from the `current` one.",
    input: Closed({ id: InstanceIdSchema }),
    output: Closed({ items: Type.Array(Snapshot, { maxItems: 1_024 }) }),
    errors: ["instance-not-found", "cell-offline", "hypervisor-failed"],
    requires: "instance.read",
    rest: { method: "GET", path: "/api/v2/instances/{id}/snapshots", status: 200 },
    changes: false,
    events: [],
    example: { input: { id: ids.instance }, output: { items: [snapshot] } },
  }),
  "snapshot.create": operation({
    ...shared,
    summary: "Take a snapshot of an instance",
    description:
      "Of all its disks at once. Of a running instance its memory is kept too, unless `memory` is false: then its disks are kept as they would be " +
      `after pulling the plug. At most ${limits.snapshots} an instance.`,
    input: Closed({
      id: InstanceIdSchema,
      name: NewLabel,
      description: Type.Optional(Description),
      memory: Type.Optional(
        Type.Boolean({
          description: "Keep its memory; true for a running instance by default, impossible for others",
        }),
      ),
    }),
    output: Task,
    errors: [
      ...taskErrors,
      "name-taken",
      "limit-reached",
      "unsupported-by-cell",
      "disk-full",
      "idempotency-key-reused",
    ],
    rest: { method: "POST", path: "/api/v2/instances/{id}/snapshots", status: 202 },
    events: ["instance.changed", "task.changed"],
    example: {
      input: { id: ids.instance, name: "before the upgrade" },
      output: verbTask("snapshot.create", "Take the snapshot before the upgrade"),
    },
  }),
  "snapshot.restore": operation({
    ...shared,
    summary: "Make an instance what it was at a snapshot",
    description:
      "What its disks hold now is lost, unless it is in another snapshot. The instance must be off; with `force` a running one is stopped first, like " +
      "pulling the plug. With memory in the snapshot it runs on from there, otherwise it is off afterwards. Its settings stay as they are.",
    input: Closed({
      ...one,
      force: Type.Optional(Type.Boolean({ description: "Stop it first, like pulling the plug" })),
    }),
    output: Task,
    errors: [...taskErrors, "snapshot-not-found", "idempotency-key-reused"],
    rest: { method: "POST", path: "/api/v2/instances/{id}/snapshots/{snapshot}/restore", status: 202 },
    events: ["instance.changed", "task.changed"],
    example: {
      input: { id: ids.instance, snapshot: ids.snapshot },
      output: verbTask("snapshot.restore", "Restore the snapshot"),
    },
  }),
  "snapshot.delete": operation({
    ...shared,
    summary: "Delete a snapshot",
    description:
      "The current one, and one that others depend on, are refused. With `force` they are deleted too: those that depend on it move to its " +
      "parent and lose nothing.",
    input: Closed({
      ...one,
      force: Type.Optional(Type.Boolean({ description: "Also if it is the current one or others depend on it" })),
    }),
    output: Task,
    errors: [...taskErrors, "snapshot-not-found", "snapshot-in-use"],
    rest: { method: "DELETE", path: "/api/v2/instances/{id}/snapshots/{snapshot}", status: 202 },
    events: ["instance.changed", "task.changed"],
    example: {
      input: { id: ids.instance, snapshot: ids.snapshot },
      output: verbTask("snapshot.delete", "Delete the snapshot"),
    },
  }),
};
