/**
 * One pool's cells as placement sees them: a column for each figure, a row for each cell. Columns are typed arrays, so
 * that a decision over thousands of cells is a scan of a few cache-friendly arrays.
 *
 * A snapshot is kept up to date in place, and `place()` reads it without awaiting anything: within one decision it does
 * not change.
 */
import { type Ability, abilities, type CellId, type CellLoad, type Resources } from "@nano/contract";

/** What is asked of a cell: room, and what its host must be able to do. */
export interface PlacementRequest extends Resources {
  readonly needs?: readonly Ability[];
}

/** A set of abilities as a number: one bit each, in the order of the contract. */
export const abilityBits = (some: readonly Ability[] = []): number =>
  some.reduce((bits, each) => bits | (1 << abilities.indexOf(each)), 0);

/** What is known of one cell. */
export interface CellFacts {
  readonly id: CellId;
  readonly name: string;
  readonly online: boolean;
  readonly enabled: boolean;
  readonly virtualization: "kvm" | "emulated" | "simulated";
  readonly abilities: readonly Ability[];
  readonly capacity: Resources;
  /** Promised to the instances that are there or on their way. */
  readonly reserved: Resources;
  readonly load: Pick<CellLoad, "cpuPercent" | "memoryUsedMiB" | "storageUsedGiB">;
  /** How many instances it has. */
  readonly instances: number;
  /** Seconds since its last sign of life. */
  readonly silentSeconds: number;
}

const columns = [
  "online",
  "enabled",
  "emulated",
  "abilities",
  "cores",
  "memoryMiB",
  "storageGiB",
  "reservedCores",
  "reservedMemoryMiB",
  "reservedStorageGiB",
  "cpuPercent",
  "memoryUsedMiB",
  "storageUsedGiB",
  "instances",
  "silentSeconds",
  "tieBreak",
] as const;
type Columns = { [C in (typeof columns)[number]]: Float64Array };

const emptyColumns = (size: number): Columns => {
  const column = () => new Float64Array(size);
  return {
    online: column(),
    enabled: column(),
    emulated: column(),
    abilities: column(),
    cores: column(),
    memoryMiB: column(),
    storageGiB: column(),
    reservedCores: column(),
    reservedMemoryMiB: column(),
    reservedStorageGiB: column(),
    cpuPercent: column(),
    memoryUsedMiB: column(),
    storageUsedGiB: column(),
    instances: column(),
    silentSeconds: column(),
    tieBreak: column(),
  };
};

export class Snapshot implements Columns {
  /** Rows in use; a column's values from here on mean nothing. */
  count = 0;
  readonly ids: CellId[] = [];
  readonly names: string[] = [];
  online!: Float64Array;
  enabled!: Float64Array;
  emulated!: Float64Array;
  /** A bit for each: see `abilityBits`. */
  abilities!: Float64Array;
  cores!: Float64Array;
  memoryMiB!: Float64Array;
  storageGiB!: Float64Array;
  reservedCores!: Float64Array;
  reservedMemoryMiB!: Float64Array;
  reservedStorageGiB!: Float64Array;
  cpuPercent!: Float64Array;
  memoryUsedMiB!: Float64Array;
  storageUsedGiB!: Float64Array;
  instances!: Float64Array;
  silentSeconds!: Float64Array;
  /** A number made of the id: which of two equally good cells it is must not depend on who came first. */
  tieBreak!: Float64Array;
  /** For the decision that is being made: candidates and their scores. One at a time, as `place()` awaits nothing. */
  scratchRows = new Int32Array(16);
  scratchRemoved = new Int32Array(16);
  scratchScores = new Float64Array(16);
  readonly #rows = new Map<CellId, number>();

  constructor(cells: Iterable<CellFacts> = []) {
    Object.assign(this, emptyColumns(16));
    for (const cell of cells) this.set(cell);
  }

  /** Adds the cell, or replaces what is known of it. */
  set(cell: CellFacts): void {
    const row = this.#rows.get(cell.id) ?? this.#add(cell.id);
    this.names[row] = cell.name;
    this.online[row] = cell.online ? 1 : 0;
    this.enabled[row] = cell.enabled ? 1 : 0;
    this.emulated[row] = cell.virtualization === "emulated" ? 1 : 0;
    this.abilities[row] = abilityBits(cell.abilities);
    this.cores[row] = cell.capacity.cores;
    this.memoryMiB[row] = cell.capacity.memoryMiB;
    this.storageGiB[row] = cell.capacity.storageGiB;
    this.reservedCores[row] = cell.reserved.cores;
    this.reservedMemoryMiB[row] = cell.reserved.memoryMiB;
    this.reservedStorageGiB[row] = cell.reserved.storageGiB;
    this.cpuPercent[row] = cell.load.cpuPercent;
    this.memoryUsedMiB[row] = cell.load.memoryUsedMiB;
    this.storageUsedGiB[row] = cell.load.storageUsedGiB;
    this.instances[row] = cell.instances;
    this.silentSeconds[row] = cell.silentSeconds;
  }

  has(id: CellId): boolean {
    return this.#rows.has(id);
  }

  /** Forgets the cell; the last row takes its place. */
  remove(id: CellId): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    const last = this.count - 1;
    const lastId = this.ids[last];
    const lastName = this.names[last];
    if (row !== last && lastId !== undefined && lastName !== undefined) {
      this.ids[row] = lastId;
      this.names[row] = lastName;
      for (const column of columns) this[column].copyWithin(row, last, last + 1);
      this.#rows.set(lastId, row);
    }
    this.ids.pop();
    this.names.pop();
    this.#rows.delete(id);
    this.count = last;
  }

  #add(id: CellId): number {
    if (this.count === this.cores.length) {
      const grown = emptyColumns(this.count * 2);
      for (const column of columns) {
        grown[column].set(this[column]);
        this[column] = grown[column];
      }
      this.scratchRows = new Int32Array(this.count * 2);
      this.scratchRemoved = new Int32Array(this.count * 2);
      this.scratchScores = new Float64Array(this.count * 2);
    }
    const row = this.count++;
    this.ids[row] = id;
    this.tieBreak[row] = tieBreakOf(id);
    this.#rows.set(id, row);
    return row;
  }
}

/** The last 50 bits of the id, which is the hash of a key in base 32. */
const tieBreakOf = (id: CellId): number => {
  let number = 0;
  for (const digit of id.slice(-10)) number = number * 32 + "abcdefghijklmnopqrstuvwxyz234567".indexOf(digit);
  return number;
};
