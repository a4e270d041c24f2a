/**
 * What the scheduler asks of one cell about the disks of an instance that is defined there.
 *
 * Which file holds a disk is said by the specification, by its `generation`; the definition is the one truth about it.
 * A disk is rewritten into the file of the next generation, and becomes that file when the instance is defined with it.
 */
import { operation } from "../operation.ts";
import {
  BytesSchema,
  Closed,
  Count,
  DiskGeneration,
  DiskGiB,
  DiskName,
  InstanceIdSchema,
  Nothing,
  Type,
} from "../schema.ts";
import { bytes, gib, ids } from "./examples.ts";

const shared = { owner: "cell" as const, requires: "internal" as const, events: [] };
const one = { id: InstanceIdSchema, epoch: Count, disk: DiskName };
const example = { id: ids.instance, epoch: 1, disk: "data-1" };
const errors = [
  "stale-epoch",
  "hypervisor-failed",
  "instance-not-found",
  "wrong-state",
  "has-snapshots",
  "disk-missing",
] as const;

export const onCellDiskOperations = {
  "cell.disk.list": operation({
    ...shared,
    summary: "Measure the disks of an instance; one whose file is gone is left out",
    input: Closed({ id: InstanceIdSchema }),
    output: Closed({
      items: Type.Array(
        Closed({
          name: DiskName,
          capacityBytes: BytesSchema,
          allocatedBytes: BytesSchema,
          shared: Type.Optional(
            Type.Boolean({ description: "Of a disk over a shared file: another disk needs it, too" }),
          ),
        }),
        { maxItems: 64 },
      ),
    }),
    errors: ["instance-not-found", "hypervisor-failed"],
    changes: false,
    example: {
      input: { id: ids.instance },
      output: { items: [{ name: "system", capacityBytes: bytes(2 ** 30), allocatedBytes: bytes(200_704) }] },
    },
  }),
  "cell.disk.attach": operation({
    ...shared,
    summary: "Give a running instance a disk of its definition; succeeds when it has it, or is off",
    input: Closed(one),
    output: Nothing,
    errors: [...errors, "disk-not-found"],
    changes: true,
    deadlineMs: 30_000,
    example: { input: example, output: {} },
  }),
  "cell.disk.detach": operation({
    ...shared,
    summary: "Take a disk from a running instance; succeeds when it has not got it, or is off",
    input: Closed(one),
    output: Nothing,
    errors: [...errors, "in-use"],
    changes: true,
    // The guest is given its time to let go.
    deadlineMs: 30_000,
    example: { input: example, output: {} },
  }),
  "cell.disk.grow": operation({
    ...shared,
    summary: "Make a disk larger, also while it is in use; succeeds when it has that size or more",
    input: Closed({ ...one, sizeGiB: DiskGiB }),
    output: Nothing,
    errors: [...errors, "disk-not-found", "disk-full"],
    changes: true,
    deadlineMs: 30_000,
    example: { input: { ...example, sizeGiB: gib(20) }, output: {} },
  }),
  "cell.disk.rewrite": operation({
    ...shared,
    summary: "Write a disk that is not in use into a new file without what is empty, and tell how far that is",
    description: "Ask again until it is ready. It is not in use before the instance is defined with that generation.",
    input: Closed({ ...one, generation: DiskGeneration }),
    output: Closed({ ready: Type.Boolean(), bytesDone: BytesSchema, bytesTotal: BytesSchema }),
    errors: [...errors, "disk-not-found", "disk-full", "unsupported-by-cell"],
    changes: true,
    deadlineMs: 30_000,
    example: {
      input: { ...example, generation: 1 },
      output: { ready: false, bytesDone: bytes(1_024), bytesTotal: bytes(2_048) },
    },
  }),
  "cell.disk.copy": operation({
    ...shared,
    summary: "Write a disk of another instance, which is off, into a file of this one, and tell how far that is",
    description:
      "Ask again until it is ready. `cell.disk.discard` removes the mark that says so, once the instance is defined.",
    input: Closed({ ...one, from: InstanceIdSchema }),
    output: Closed({ ready: Type.Boolean(), bytesDone: BytesSchema, bytesTotal: BytesSchema }),
    errors: [
      "stale-epoch",
      "hypervisor-failed",
      "instance-not-found",
      "wrong-state",
      "disk-not-found",
      "disk-missing",
      "disk-full",
    ],
    changes: true,
    deadlineMs: 30_000,
    example: {
      input: { ...example, from: ids.clone },
      output: { ready: false, bytesDone: bytes(1_024), bytesTotal: bytes(2_048) },
    },
  }),
  "cell.disk.link": operation({
    ...shared,
    summary: "Freeze the disks of an instance that is off, and lay those of a clone over them",
    description:
      "Its own next files, of that generation, lie over them too: define it with those, unless `frozen` says that it lies over frozen files already and has written nothing since.",
    input: Closed({
      id: InstanceIdSchema,
      epoch: Count,
      generation: DiskGeneration,
      to: InstanceIdSchema,
    }),
    output: Closed({ frozen: Type.Boolean({ description: "Whether its present files were frozen" }) }),
    errors: [...errors, "disk-not-found", "disk-full", "limit-reached"],
    changes: true,
    deadlineMs: 30_000,
    example: {
      input: { id: ids.instance, epoch: 1, generation: 1, to: ids.clone },
      output: { frozen: true },
    },
  }),
  "cell.disk.discard": operation({
    ...shared,
    summary:
      "Delete every file of a disk but the one the instance is defined with, and those that linked clones lie over",
    input: Closed(one),
    output: Nothing,
    errors: [...errors, "disk-not-found"],
    changes: true,
    deadlineMs: 30_000,
    example: { input: example, output: {} },
  }),
};
