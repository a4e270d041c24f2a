/**
 * Snapshots, as a cell is asked for them. What may take long answers after a while with `ready: false`: ask again with
 * the same `task` until it is ready. The work goes on meanwhile, and what fails is told once.
 */
import { operation } from "../operation.ts";
import {
  Closed,
  Count,
  Description,
  InstanceIdSchema,
  Label,
  SnapshotIdSchema,
  TaskIdSchema,
  Type,
  Word,
} from "../schema.ts";
import { Snapshot } from "../snapshots.ts";
import { at, ids } from "./examples.ts";
import { InstanceSpec, Observed, onCellOperations } from "./on-cell.ts";

const shared = { owner: "cell" as const, requires: "internal" as const, events: [], deadlineMs: 30_000 };
const errors = ["stale-epoch", "hypervisor-failed", "instance-not-found"] as const;
const work = {
  id: InstanceIdSchema,
  epoch: Count,
  task: TaskIdSchema,
  snapshot: SnapshotIdSchema,
};
const Answer = Closed({ ready: Type.Boolean(), observed: Observed });
const spec = onCellOperations["cell.instance.define"].example.input;
const observed = { ...onCellOperations["cell.instance.define"].example.output, snapshots: 1 };
const input = { id: ids.instance, epoch: 1, task: ids.task, snapshot: ids.snapshot };
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

export const onCellSnapshotOperations = {
  "cell.snapshot.list": operation({
    ...shared,
    summary: "List an instance's snapshots, oldest first",
    input: Closed({ id: InstanceIdSchema }),
    output: Closed({ items: Type.Array(Snapshot, { maxItems: 1_024 }) }),
    errors: ["instance-not-found", "hypervisor-failed"],
    changes: false,
    deadlineMs: 5_000,
    example: { input: { id: ids.instance }, output: { items: [snapshot] } },
  }),
  "cell.snapshot.create": operation({
    ...shared,
    summary: "Take a snapshot of all disks, and of the memory if asked; succeeds when there is that one already",
    input: Closed({ ...work, name: Label, description: Description, createdBy: Word, memory: Type.Boolean() }),
    output: Answer,
    errors: [...errors, "wrong-state", "unsupported-by-cell", "disk-full"],
    changes: true,
    example: {
      input: { ...input, name: "before the upgrade", description: "", createdBy: "admin", memory: false },
      output: { ready: true, observed },
    },
  }),
  "cell.snapshot.restore": operation({
    ...shared,
    summary: "Make an instance what it was at a snapshot, ending it if it runs; its definition stays that of `spec`",
    input: Closed({ ...work, spec: InstanceSpec }),
    output: Answer,
    errors: [...errors, "snapshot-not-found", "mac-taken"],
    changes: true,
    example: { input: { ...input, spec }, output: { ready: true, observed } },
  }),
  "cell.snapshot.delete": operation({
    ...shared,
    summary: "Delete a snapshot; succeeds when there is none",
    input: Closed({ ...work, force: Type.Boolean({ description: "Also the current one, and one others depend on" }) }),
    output: Answer,
    errors: [...errors, "snapshot-in-use"],
    changes: true,
    example: { input: { ...input, force: false }, output: { ready: true, observed } },
  }),
};
