/**
 * What a domain is that a cell reports and that no record puts on that cell: a pure function.
 *
 * The rule above all others: nothing that may be somebody's running guest is ended because a record looks as if it
 * should not be there. Only two things prove that a copy is stale: a tombstone, or a newer epoch that this zone gave
 * out itself for another cell, which says that it has the instance. An epoch that only a cell claims proves nothing.
 * Even then it has to be seen so twice, with time between (`strays.ts`). In any other case it is shown, and a person
 * decides.
 */
import type { CellId, InstanceState, Observed, StrayReason } from "@nano/contract";
import type { StoredInstance, Tombstone } from "./store.ts";

export type Verdict =
  | { readonly kind: "ours" | "adopt" }
  | { readonly kind: "stray"; readonly why: Exclude<StrayReason, "deleted" | "moved"> }
  /** @property epoch with which its cell is told to remove it */
  | { readonly kind: "stale"; readonly why: "deleted" | "moved"; readonly epoch: number };

/** States that a cell has reported: its domain is there. */
const reported: ReadonlySet<InstanceState> = new Set(["running", "stopping", "paused", "stopped", "crashed"]);

export function judge(facts: {
  readonly cell: CellId;
  readonly observed: Pick<Observed, "epoch" | "unclaimed">;
  readonly row: Pick<StoredInstance, "cell" | "assignedEpoch" | "state"> | undefined;
  readonly tombstone: Pick<Tombstone, "epoch" | "kind"> | undefined;
  /** Whether the cell of the row answers. */
  readonly isOnline: (cell: CellId) => boolean;
}): Verdict {
  const { cell, observed, row, tombstone, isOnline } = facts;
  if (row) {
    if (row.cell === cell) return { kind: "ours" };
    if (observed.unclaimed) return { kind: "stray", why: "copy" };
    const proven = row.assignedEpoch > observed.epoch && isOnline(row.cell) && reported.has(row.state);
    return proven ? { kind: "stale", why: "moved", epoch: row.assignedEpoch } : { kind: "stray", why: "copy" };
  }
  if (observed.unclaimed) return { kind: "stray", why: "unclaimed" };
  if (!tombstone) return { kind: "adopt" };
  if (tombstone.kind === "forgotten") return { kind: "stray", why: "forgotten" };
  return { kind: "stale", why: "deleted", epoch: Math.max(tombstone.epoch, observed.epoch) };
}
