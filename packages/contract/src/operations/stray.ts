/**
 * Instances that a cell has and that no record puts there. Nothing that may run is ended on a guess: they are shown,
 * and a person decides.
 */
import { operation } from "../operation.ts";
import { Disks, Instance } from "../records.ts";
import {
  CellIdSchema,
  Closed,
  Cores,
  fromHost,
  InstanceIdSchema,
  limits,
  MemoryMiB,
  Name,
  Nothing,
  OneOf,
  Sentence,
  type Static,
  Type,
  Word,
} from "../schema.ts";
import { instanceStates } from "../states.ts";
import { gib, ids, instance, mib } from "./examples.ts";

export const strayReasons = ["copy", "forgotten", "unclaimed", "conflict", "deleted", "moved"] as const;
export type StrayReason = (typeof strayReasons)[number];
/** What each of them means, in a sentence. */
export const strayTexts: Record<StrayReason, string> = {
  copy: "Another cell is on record for this instance: there are two of it.",
  forgotten: "Its record was forgotten while this cell was away.",
  unclaimed: "No zone has claimed it: an older version made it, perhaps another zone's on the same host.",
  conflict: "It cannot be taken into the records as it is.",
  deleted: "It was deleted. What is left of it is removed by itself.",
  moved: "A newer one of it is on another cell. This one is removed by itself; its disks stay.",
};

export const Stray = Closed({
  cell: CellIdSchema,
  cellName: Name,
  /** Of the instance. */
  id: InstanceIdSchema,
  name: Name,
  reason: OneOf(
    strayReasons,
    "`copy`: another cell is on record for it; `forgotten`: its record was forgotten; `unclaimed`: no zone has claimed it, and it may be another zone's on the same host; `conflict`: it cannot be taken in, see `detail`; `deleted`, `moved`: it is stale, and removed by itself",
  ),
  detail: Type.Optional(fromHost(Sentence)),
  state: OneOf(instanceStates),
  cores: Cores,
  memoryMiB: MemoryMiB,
  disks: Disks,
  owner: Word,
  /** The cell that is on record for it, if there is one. */
  recordedOn: Type.Optional(CellIdSchema),
});
export type Stray = Static<typeof Stray>;

const one = Closed({ cell: CellIdSchema, id: InstanceIdSchema });
const example = { cell: ids.cell, id: ids.instance };
const stray: Stray = {
  ...example,
  cellName: "node-1",
  name: "web-1",
  reason: "forgotten",
  state: "running",
  cores: 2,
  memoryMiB: mib(2_048),
  disks: [{ name: "system", sizeGiB: gib(20) }],
  owner: "admin",
};

export const strayOperations = {
  "stray.list": operation({
    owner: "scheduler",
    summary: "List the instances that cells have and that no record puts there",
    input: Closed({ cell: Type.Optional(CellIdSchema) }),
    output: Closed({ items: Type.Array(Stray, { maxItems: limits.instancesOfCell }) }),
    errors: ["cell-not-found"],
    requires: "cell.read",
    rest: { method: "GET", path: "/api/v2/strays", status: 200 },
    changes: false,
    events: [],
    example: { input: { cell: ids.cell }, output: { items: [stray] } },
  }),
  "stray.adopt": operation({
    owner: "scheduler",
    summary: "Take an instance that only its cell knows into the records",
    description:
      "It goes on as it is. Where another cell is on record for it, this cell is from now on; what the other cell has of it is shown as a stray then.",
    input: one,
    output: Instance,
    errors: [
      "cell-not-found",
      "instance-not-found",
      "cell-not-in-pool",
      "in-use",
      "busy",
      "cell-offline",
      "stale-epoch",
      "hypervisor-failed",
    ],
    requires: "cell.write",
    rest: { method: "POST", path: "/api/v2/strays/{cell}/{id}/adopt", status: 200 },
    changes: true,
    events: ["instance.created", "instance.changed"],
    example: { input: example, output: instance },
  }),
  "stray.remove": operation({
    owner: "scheduler",
    summary: "Remove what a cell has of an instance that is not on record there",
    description:
      "Ends it if it runs, and deletes its disks on that cell. What is on record on another cell stays. Takes the permission `instance.delete`, too.",
    input: one,
    output: Nothing,
    errors: ["cell-not-found", "instance-not-found", "cell-offline", "busy", "stale-epoch", "hypervisor-failed"],
    requires: "cell.write",
    rest: { method: "DELETE", path: "/api/v2/strays/{cell}/{id}", status: 204 },
    changes: true,
    events: [],
    deadlineMs: 60_000,
    example: { input: example, output: {} },
  }),
};
