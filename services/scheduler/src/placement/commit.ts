/**
 * The one place where a placement becomes a promise. It runs inside the transaction that writes the instance, so
 * nothing else is promised meanwhile; `place()` is quick enough for that. What the snapshot says of the winner is
 * checked against the sums in the database before it is believed: a snapshot that was wrong (another scheduler, a lost
 * update) is corrected and asked again.
 */
import { type CellId, type Decision, DecisionIdSchema, decode, type PoolName, timestamp } from "@nano/contract";
import { type CellRegistry, factsOf } from "../cells/registry.ts";
import { isOpen } from "../cells/store.ts";
import type { Write } from "../events/journal.ts";
import { usageOfCell } from "../instances/usage.ts";
import { place } from "./place.ts";
import { at, type Policy } from "./rule.ts";
import { type PlacementRequest, Snapshot } from "./snapshot.ts";

/** Each try corrects one cell; a snapshot more wrong than that is another fault. */
const triesAtMost = 100;
/** Cells that look full and are looked at before a request is refused: each costs a question to the database. */
const fullAtMost = 100;

export interface PlacementDeps {
  readonly registry: CellRegistry;
  readonly clock: { now(): number; monotonic(): number };
  readonly policy: Policy;
  readonly newId: () => string;
}

/**
 * @returns the decision; without a winner where nothing fits. Nothing is written: inserting the instance is what
 * reserves.
 */
export async function decide(
  deps: PlacementDeps,
  trx: Write,
  pool: PoolName,
  request: PlacementRequest,
  /** Where it has to be, if anywhere: only that cell is considered. */
  only?: CellId,
): Promise<Decision> {
  const { registry, clock, policy } = deps;
  await reread(deps, trx, registry.doubtful);
  let looked = false;
  for (let tries = 1; ; tries++) {
    const known = only === undefined ? undefined : registry.get(only);
    const cells = known ? new Snapshot([factsOf(known, clock.monotonic())]) : registry.snapshot(pool);
    const decision: Decision = {
      id: decode(DecisionIdSchema, deps.newId(), "Naming a decision"),
      at: timestamp(clock.now()),
      ...place(cells, pool, request, policy),
    };
    const winner = decision.winner && registry.find(decision.winner.cell);
    if (tries >= triesAtMost) return decision;
    if (winner) {
      const { id } = winner.stored;
      // Taken out of the pool, or disabled, in a transaction before this one: the registry is about to be told.
      if (only === undefined && !(await isOpen(trx, id, pool))) registry.snapshot(pool).remove(id);
      else if (!(await reread(deps, trx, [id]))) return decision;
    } else {
      // Before it is said that nothing fits: those that look full are looked at, once.
      const full = only === undefined ? fullOnes(registry.snapshot(pool), request) : [only];
      if (looked || !(await reread(deps, trx, full))) return decision;
      looked = true;
    }
  }
}

/** Compares what we believe of these cells with the database, and corrects it. @returns whether anything was wrong */
async function reread({ registry, clock }: PlacementDeps, trx: Write, cells: readonly CellId[]): Promise<boolean> {
  let wrong = false;
  for (const id of cells) {
    const believed = registry.find(id)?.usage;
    const usage = await usageOfCell(trx, id);
    registry.setUsage(id, usage, clock.monotonic());
    wrong ||=
      usage.cores !== believed?.cores ||
      usage.memoryMiB !== believed.memoryMiB ||
      usage.storageGiB !== believed.storageGiB;
  }
  return wrong;
}

/** Cells that would have room for it if nothing were reserved there; the first few. */
function fullOnes(cells: Snapshot, { memoryMiB, storageGiB }: PlacementRequest): CellId[] {
  const full: CellId[] = [];
  for (let i = 0; i < cells.count && full.length < fullAtMost; i++) {
    const id = cells.ids[i];
    const could =
      at(cells.online, i) === 1 &&
      at(cells.enabled, i) === 1 &&
      at(cells.instances, i) > 0 &&
      at(cells.memoryMiB, i) >= memoryMiB &&
      at(cells.storageGiB, i) >= storageGiB;
    if (could && id !== undefined) full.push(id);
  }
  return full;
}
