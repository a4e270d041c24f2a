/**
 * Domains that cells have and that no record puts there. Kept in memory: every inventory tells of them again.
 *
 * What is proven to be stale goes by itself, when it was found so twice and `proofMs` passed between; everything else
 * waits for a person.
 */
import type { CellId, InstanceId, Observed, StrayReason } from "@nano/contract";

export interface Stray {
  readonly cell: CellId;
  readonly observed: Observed;
  readonly why: StrayReason;
  /** In words, where the reason alone does not tell. */
  readonly detail?: string;
}

interface Kept extends Stray {
  /** Monotonic milliseconds: since when it is found to be this. */
  readonly since: number;
}

export class Strays {
  readonly #cells = new Map<CellId, Map<InstanceId, Kept>>();

  /** Notes what was found. @returns how long it has been found to be that, in milliseconds */
  note(stray: Stray, monotonic: number): number {
    const of = this.#cells.get(stray.cell) ?? new Map<InstanceId, Kept>();
    this.#cells.set(stray.cell, of);
    const before = of.get(stray.observed.id);
    const since =
      before?.why === stray.why && before.observed.epoch === stray.observed.epoch ? before.since : monotonic;
    of.set(stray.observed.id, { ...stray, since });
    return monotonic - since;
  }

  find(cell: CellId, id: InstanceId): Stray | undefined {
    return this.#cells.get(cell)?.get(id);
  }

  of(cell: CellId): Stray[] {
    return [...(this.#cells.get(cell)?.values() ?? [])];
  }

  /** Those that are this instance, on whichever cell. */
  copiesOf(id: InstanceId): Stray[] {
    return [...this.#cells.values()].flatMap((of) => of.get(id) ?? []);
  }

  gone(cell: CellId, id: InstanceId): void {
    const of = this.#cells.get(cell);
    of?.delete(id);
    if (of?.size === 0) this.#cells.delete(cell);
  }

  /** Its inventory has only these. */
  keepOnly(cell: CellId, has: (id: InstanceId) => boolean): void {
    for (const { observed } of this.of(cell)) if (!has(observed.id)) this.gone(cell, observed.id);
  }
}
