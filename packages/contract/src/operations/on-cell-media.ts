/** What the scheduler asks of one cell about an instance's CD drive. */
import { operation } from "../operation.ts";
import { Closed, Count, InstanceIdSchema, Label, MediaIdSchema, Sha256Schema, Type } from "../schema.ts";
import { ids, sha256 } from "./examples.ts";
import { Observed, observed } from "./on-cell.ts";

const instanceRef = { id: InstanceIdSchema, epoch: Count };
const reference = { id: ids.instance, epoch: 1 };
const shared = {
  owner: "cell" as const,
  requires: "internal" as const,
  events: [],
  output: Observed,
  changes: true,
  // A guest that holds the tray is given its time to let go.
  deadlineMs: 30_000,
};
const errors = [
  "stale-epoch",
  "hypervisor-failed",
  "instance-not-found",
  "wrong-state",
  "tray-locked",
  "unsupported-by-cell",
] as const;
const inserted = { id: ids.media, name: "debian-12-netinst" };

export const onCellMediaOperations = {
  "cell.media.insert": operation({
    ...shared,
    summary: "Put fetched media into a running instance's drive; succeeds when it is there already",
    input: Closed({
      ...instanceRef,
      media: Closed({ id: MediaIdSchema, name: Label, sha256: Sha256Schema }),
      force: Type.Boolean(),
    }),
    errors,
    example: {
      input: { ...reference, media: { ...inserted, sha256 }, force: false },
      output: { ...observed, state: "running", media: inserted },
    },
  }),
  "cell.media.eject": operation({
    ...shared,
    summary: "Empty a running instance's drive; succeeds when it is empty or the instance is off",
    input: Closed({ ...instanceRef, force: Type.Boolean() }),
    errors,
    example: { input: { ...reference, force: false }, output: { ...observed, state: "running" } },
  }),
};
