/**
 * What the scheduler knows of every cell right now: the stored description, plus what only heartbeats tell (is it
 * there, how loaded is it) and what is reserved on it. All of it can be rebuilt: the first from the database, the
 * second from the next second's heartbeats, the third from the instances' rows. Keeps a placement snapshot of each pool
 * up to date.
 *
 * Reads are synchronous. Writes to the database are the callers' (`presence.ts`, `handlers.ts`), who tell the registry
 * when they are committed.
 */
import { type CellId, type CellLoad, NanoError, type PoolName } from "@nano/contract";
import { noUsage, plusUsage, type Usage } from "../instances/usage.ts";
import { type CellFacts, Snapshot } from "../placement/snapshot.ts";
import { gib, mib } from "../units.ts";
import { ReportOrder } from "./order.ts";
import type { CellChanges, StoredCell } from "./store.ts";
import { resourcesOf } from "./view.ts";

export interface KnownCell {
  stored: StoredCell;
  online: boolean;
  /** Since the scheduler started nothing was heard of it, and it has not been given up yet. */
  awaited: boolean;
  /** Monotonic milliseconds of its last sign of life; of the scheduler's start, when there was none since. */
  heardAt: number;
  /** Wall clock of the same, for display. */
  seenAt: number;
  load: CellLoad;
  usage: Usage;
  /** Of what has arrived. */
  readonly order: ReportOrder;
  /** Of what was taken into the instances' rows: reports wait for their turn, answers do not. */
  readonly taken: ReportOrder;
}

export class CellRegistry {
  readonly #cells = new Map<CellId, KnownCell>();
  readonly #snapshots = new Map<PoolName, Snapshot>();
  readonly #doubtful = new Set<CellId>();

  get size(): number {
    return this.#cells.size;
  }

  all(): IterableIterator<KnownCell> {
    return this.#cells.values();
  }

  find(id: CellId): KnownCell | undefined {
    return this.#cells.get(id);
  }

  /** @throws NanoError `cell-not-found` */
  get(id: CellId): KnownCell {
    const cell = this.#cells.get(id);
    if (!cell) throw new NanoError("cell-not-found", `There is no cell ${id}`, { details: { id } });
    return cell;
  }

  /** A cell's name, or its id while nothing else is known of it. */
  nameOf(id: CellId): string {
    return this.#cells.get(id)?.stored.name ?? id;
  }

  isOnline(id: CellId): boolean {
    return this.#cells.get(id)?.online === true;
  }

  /**
   * Whether it does not answer, as far as one can know: not, while a scheduler that has just started waits to hear of
   * it.
   */
  isAway(id: CellId): boolean {
    const cell = this.#cells.get(id);
    return !(cell?.online || cell?.awaited);
  }

  add(stored: StoredCell, usage: Usage, monotonic: number): KnownCell {
    const cell: KnownCell = {
      stored,
      online: false,
      awaited: true,
      heardAt: monotonic,
      seenAt: Date.parse(stored.lastSeenAt),
      load: { cpuPercent: 0, memoryUsedMiB: mib(0), storageUsedGiB: gib(0) },
      usage,
      order: new ReportOrder(),
      taken: new ReportOrder(),
    };
    this.#cells.set(stored.id, cell);
    this.refresh(cell, monotonic);
    return cell;
  }

  /** It is gone from the database. */
  remove(id: CellId): void {
    const pool = this.#cells.get(id)?.stored.pool;
    if (pool) this.#snapshots.get(pool)?.remove(id);
    this.#cells.delete(id);
    this.#doubtful.delete(id);
  }

  /** What is stored of it was changed, and that is committed. */
  changed(id: CellId, changes: CellChanges, monotonic: number): void {
    const cell = this.#cells.get(id);
    if (!cell) return;
    const before = cell.stored.pool;
    cell.stored = { ...cell.stored, ...changes, revision: cell.stored.revision + 1 };
    if (before !== null && before !== cell.stored.pool) this.#snapshots.get(before)?.remove(id);
    this.refresh(cell, monotonic);
  }

  /** What is reserved on a cell, as just read from the database or promised in a transaction. */
  setUsage(id: CellId, usage: Usage | undefined, monotonic: number): void {
    const cell = this.#cells.get(id);
    if (!cell) return;
    cell.usage = usage ?? noUsage;
    this.#doubtful.delete(id);
    this.refresh(cell, monotonic);
  }

  /** It could not be read when it may have changed. */
  doubtUsage(id: CellId): void {
    this.#doubtful.add(id);
  }

  /** Cells whose usage is to be read again before it is believed. */
  get doubtful(): readonly CellId[] {
    return [...this.#doubtful];
  }

  /** Brings the pool's snapshot up to date with this cell. */
  refresh(cell: KnownCell, monotonic: number): void {
    const { pool } = cell.stored;
    if (pool !== null) this.snapshot(pool).set(factsOf(cell, monotonic));
  }

  /** A pool's cells as placement sees them; kept up to date in place. */
  snapshot(pool: PoolName): Snapshot {
    const existing = this.#snapshots.get(pool);
    if (existing) return existing;
    const made = new Snapshot();
    this.#snapshots.set(pool, made);
    return made;
  }

  forgetPool(pool: PoolName): void {
    this.#snapshots.delete(pool);
  }
}

/** What is reserved on them together. */
export const usageOfCells = (cells: Iterable<KnownCell>): Usage => {
  let sum = noUsage;
  for (const { usage } of cells) if (usage.total > 0) sum = plusUsage(sum, usage);
  return sum;
};

/** A cell as placement sees it. */
export const factsOf = (cell: KnownCell, monotonic: number): CellFacts => {
  const { stored, usage } = cell;
  return {
    id: stored.id,
    name: stored.name,
    online: cell.online,
    enabled: stored.enabled,
    virtualization: stored.virtualization,
    abilities: stored.abilities,
    capacity: stored.capacity,
    reserved: resourcesOf(usage),
    load: cell.load,
    instances: usage.total,
    silentSeconds: (monotonic - cell.heardAt) / 1_000,
  };
};
