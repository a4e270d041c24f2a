/**
 * What is used over time, in memory: instances as their cells report it, cells as their heartbeats say, pools and the
 * zone as sums over the cells that answer. All of it comes again by itself, so nothing is stored.
 *
 * A cell speaks for its own instances only: the first word about an instance from a cell is checked against the
 * instance's row.
 */
import type { Report } from "@nano/bus";
import {
  type CellId,
  type Clock,
  type InstanceId,
  type InstanceUsage,
  type Log,
  type MemorySource,
  type PoolName,
  statisticsIntervalMs,
  statisticsPoints,
  type Usage,
} from "@nano/contract";
import type { CellRegistry, KnownCell } from "../cells/registry.ts";
import { mib } from "../units.ts";
import { Series } from "./series.ts";

const keptMs = statisticsIntervalMs * statisticsPoints;

const total = (cells: readonly KnownCell[], amount: (cell: KnownCell) => number): number =>
  cells.reduce((sum, cell) => sum + amount(cell), 0);

/** Of the cells that answer: processor use as a share of all their threads, the rest as sums. */
export const usageOf = (cells: readonly KnownCell[]): Usage => {
  const cores = total(cells, ({ stored }) => stored.capacity.cores);
  const busy = total(cells, ({ stored, load }) => (stored.capacity.cores * load.cpuPercent) / 100);
  const rate = (name: Exclude<keyof Usage, "cpuPercent" | "memoryUsedMiB">) =>
    Math.round(total(cells, ({ load }) => load[name] ?? 0));
  return {
    cpuPercent: cores === 0 ? 0 : Math.round((1_000 * busy) / cores) / 10,
    memoryUsedMiB: mib(total(cells, ({ load }) => load.memoryUsedMiB)),
    diskReadBytesPerSecond: rate("diskReadBytesPerSecond"),
    diskWriteBytesPerSecond: rate("diskWriteBytesPerSecond"),
    diskReadsPerSecond: rate("diskReadsPerSecond"),
    diskWritesPerSecond: rate("diskWritesPerSecond"),
    networkReceiveBytesPerSecond: rate("networkReceiveBytesPerSecond"),
    networkSendBytesPerSecond: rate("networkSendBytesPerSecond"),
  };
};

interface InstanceSeries {
  readonly series: Series;
  cell: CellId;
  memorySource: MemorySource;
}

export interface KeeperDeps {
  readonly registry: CellRegistry;
  readonly clock: Clock;
  readonly log: Log;
  /** Where its row says that it is. */
  readonly cellOf: (id: InstanceId) => Promise<CellId | undefined>;
}

export class StatisticsKeeper {
  readonly zone = new Series();
  readonly #deps: KeeperDeps;
  readonly #instances = new Map<InstanceId, InstanceSeries>();
  readonly #cells = new Map<CellId, Series>();
  readonly #pools = new Map<PoolName, Series>();
  /** The last report of each cell: one that comes twice or late says nothing. */
  readonly #heard = new Map<CellId, { boot: string; sequence: number }>();
  #timer: Timer | undefined;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => this.measure(), statisticsIntervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  instance(id: InstanceId): InstanceSeries | undefined {
    return this.#instances.get(id);
  }

  cell(id: CellId): Series | undefined {
    return this.#cells.get(id);
  }

  pool(name: PoolName): Series | undefined {
    return this.#pools.get(name);
  }

  /** A cell's word on its instances. */
  report({ cell, boot, sequence, instances }: Report<"statistics">): void {
    const { registry, clock, log } = this.#deps;
    if (!registry.isOnline(cell)) return;
    const last = this.#heard.get(cell);
    if (last?.boot === boot && sequence <= last.sequence) return;
    this.#heard.set(cell, { boot, sequence });
    const now = clock.now();
    for (const usage of instances)
      this.#note(cell, now, usage).catch((error) => log.warn("Could not note what an instance uses", { error }));
  }

  async #note(cell: CellId, now: number, { id, memorySource, ...usage }: InstanceUsage): Promise<void> {
    let known = this.#instances.get(id);
    if (known?.cell !== cell) {
      if ((await this.#deps.cellOf(id)) !== cell) return;
      known = { series: known?.series ?? new Series(), cell, memorySource };
      this.#instances.set(id, known);
    }
    known.memorySource = memorySource;
    known.series.add(now, usage);
  }

  /** Adds a point to the cells, the pools and the zone, and forgets what is older than an hour. */
  measure(): void {
    const { registry, clock } = this.#deps;
    const now = clock.now();
    const pools = new Map<PoolName, KnownCell[]>();
    for (const cell of registry.all()) {
      if (!cell.online || cell.stored.pool === null) continue;
      seriesOf(this.#cells, cell.stored.id).add(now, usageOf([cell]));
      const others = pools.get(cell.stored.pool);
      if (others) others.push(cell);
      else pools.set(cell.stored.pool, [cell]);
    }
    for (const [name, cells] of pools) seriesOf(this.#pools, name).add(now, usageOf(cells));
    this.zone.add(now, usageOf([...pools.values()].flat()));
    const over = (series: Series): boolean => series.newestAt < now - keptMs;
    for (const [id, { series }] of this.#instances) if (over(series)) this.#instances.delete(id);
    for (const [id, series] of this.#cells) if (over(series)) this.#cells.delete(id);
    for (const [name, series] of this.#pools) if (over(series)) this.#pools.delete(name);
  }
}

const seriesOf = <K>(map: Map<K, Series>, key: K): Series => {
  const existing = map.get(key);
  if (existing) return existing;
  const made = new Series();
  map.set(key, made);
  return made;
};
