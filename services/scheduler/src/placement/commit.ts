/**
 * The one place where a placement becomes a promise. It runs inside the transaction that writes the instance, so nothing else is promised
 * meanwhile; `place()` is quick enough for that. What the snapshot says of the winner is checked against the sums in the database before
 * it is believed: a snapshot that was wrong (another scheduler, a lost update) is corrected and asked again.
 */
import { type CellId, type Decision, DecisionIdSchema, decode, type PoolName, timestamp } from "@nano/contract";
import { type CellRegistry, factsOf } from "../cells/registry.ts";
import type { Write } from "../events/journal.ts";
import { usageOfCell } from "../instances/usage.ts";
import { place } from "./place.ts";
import type { Policy } from "./rule.ts";
import { type PlacementRequest, Snapshot } from "./snapshot.ts";

/** Each try corrects one cell; a snapshot more wrong than that is another fault. */
const triesAtMost = 100;

export interface PlacementDeps {
  readonly registry: CellRegistry;
  readonly clock: { now(): number; monotonic(): number };
  readonly policy: Policy;
  readonly newId: () => string;
}

/** @returns the decision; without a winner where nothing fits. Nothing is written: inserting the instance is what reserves. */
export async function decide(
  deps: PlacementDeps,
  trx: Write,
  pool: PoolName,
  request: PlacementRequest,
  /** Where it has to be, if anywhere: only that cell is considered. */
  only?: CellId,
): Promise<Decision> {
  const { registry, clock, policy } = deps;
  for (let tries = 1; ; tries++) {
    const known = only === undefined ? undefined : registry.get(only);
    const cells = known ? new Snapshot([factsOf(known, clock.monotonic())]) : registry.snapshot(pool);
    const decision: Decision = {
      id: decode(DecisionIdSchema, deps.newId(), "Naming a decision"),
      at: timestamp(clock.now()),
      ...place(cells, pool, request, policy),
    };
    const winner = decision.winner && registry.find(decision.winner.cell);
    if (!winner || tries >= triesAtMost) return decision;
    const { id } = winner.stored;
    const usage = await usageOfCell(trx, id);
    const believed = winner.usage;
    if (
      usage.cores === believed.cores &&
      usage.memoryMiB === believed.memoryMiB &&
      usage.storageGiB === believed.storageGiB
    )
      return decision;
    registry.setUsage(id, usage, clock.monotonic());
  }
}
