/** What the scheduler asks of one cell about the network interfaces of an instance that is defined there. */
import { operation } from "../operation.ts";
import { Closed, Count, InstanceIdSchema } from "../schema.ts";
import { ids } from "./examples.ts";
import { Observed, observed } from "./on-cell.ts";

export const onCellNicOperations = {
  "cell.instance.plug-nics": operation({
    owner: "cell",
    requires: "internal",
    events: [],
    summary: "Give a running instance the network interfaces of its definition, and take all others from it",
    description:
      "Succeeds when it has just these, or is off. One for which its machine has no place before the next start is in `pending` of the answer.",
    input: Closed({ id: InstanceIdSchema, epoch: Count }),
    output: Observed,
    errors: ["stale-epoch", "hypervisor-failed", "instance-not-found", "has-snapshots", "in-use"],
    changes: true,
    // The guest is given its time to let go.
    deadlineMs: 30_000,
    example: { input: { id: ids.instance, epoch: 1 }, output: { ...observed, state: "running" } },
  }),
};
