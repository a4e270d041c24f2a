/**
 * Which cells are there. Heartbeats keep a cell online; silence for `offlineAfterMs`, or its own word that it is
 * leaving, makes it offline.
 *
 * Silence is measured by our monotonic clock from when a report arrived here, so neither side's wall clock matters.
 * While we ourselves are deaf (no bus, or the process was suspended) silence proves nothing: the cells' time is given
 * back when we hear again.
 */
import type { Bus, Report } from "@nano/bus";
import { type CellId, type CellLoad, type Clock, type Log, offlineAfterMs, timestamp } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Journal } from "../events/journal.ts";
import { noUsage } from "../instances/usage.ts";
import { type CellKeys, unproven } from "./keys.ts";
import { heartbeatMatter } from "./order.ts";
import type { CellRegistry, KnownCell } from "./registry.ts";
import { type CellDescription, deleteCell, insertCell, loadCells, type StoredCell, updateCell } from "./store.ts";

/** A cell that nobody added to a pool is kept for so long after it was last heard … */
const discoveredKeptMs = 3_600_000;
/** … and so many of them at most: the ones silent longest make room. */
const discoveredAtMost = 1_024;
/** After a change that could not be written down. */
const retryMs = 1_000;
/** A check this late means that we slept, not that the cells did. */
const suspendedMs = 2_000;
const soonestCheckMs = 50;
/** Load figures of one cell are told at most so often … */
const loadEveryMs = 2_000;
/** … and when they changed by so many percent of something … */
const loadChange = 1;
/** … and of all cells together at most so many times a second. */
const loadsPerSecond = 200;

export interface PresenceDeps {
  readonly db: Kysely<Database>;
  readonly bus: Pick<Bus, "connected" | "onConnection" | "emit">;
  readonly journal: Journal;
  readonly registry: CellRegistry;
  readonly keys: Pick<CellKeys, "of" | "isForgotten">;
  readonly clock: Clock;
  readonly log: Log;
  /** In the order in which they happen. */
  readonly onOnline: (cell: CellId) => Promise<void>;
  readonly onOffline: (cell: CellId, why: string) => Promise<void>;
}

export class Presence {
  readonly #deps: PresenceDeps;
  readonly #toldLoad = new Map<CellId, { at: number; load: CellLoad }>();
  /** Changes of one cell happen one after the other. */
  readonly #changes = new Map<CellId, Promise<void>>();
  #budget = { second: 0, told: 0 };
  /** When the next check is due. */
  #checkAt: number;
  #timer: Timer | undefined;
  #stopListening: (() => void) | undefined;
  readonly #stopping = Promise.withResolvers<void>();
  #stopped = false;

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
    this.#checkAt = deps.clock.monotonic();
  }

  start(): void {
    this.#waitForSilence();
    this.#stopListening = this.#deps.bus.onConnection(() => this.#forgiveSilence());
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stopListening?.();
    this.#stopped = true;
    this.#stopping.resolve();
    await Promise.all(this.#changes.values());
  }

  /** A sign of life, with all that a cell says of itself. */
  heartbeat(report: Report<"heartbeat">): void {
    const { clock } = this.#deps;
    // Its connection is being ended.
    if (this.#deps.keys.isForgotten(report.cell)) return;
    const known = this.#deps.registry.find(report.cell);
    if (known && known.order.accept(report.boot, report.sequence, heartbeatMatter) === false) return;
    if (!known && !this.#makeRoom()) return;
    this.#inOrder(report.cell, async () => {
      const cell = known ?? this.#deps.registry.find(report.cell) ?? (await this.#discover(report));
      cell.heardAt = clock.monotonic();
      cell.seenAt = clock.now();
      cell.load = report.load;
      if (differs(cell.stored, report)) await this.#describe(cell, report);
      if (!cell.online) await this.#cameOnline(cell);
      this.#deps.registry.refresh(cell, cell.heardAt);
      this.#tellLoad(cell);
    });
  }

  /** The cell says goodbye: its instances run on, but nobody can reach them. */
  leaving(report: Report<"leaving">): void {
    const known = this.#deps.registry.find(report.cell);
    if (!known || known.order.accept(report.boot, report.sequence, heartbeatMatter) === false) return;
    this.#inOrder(report.cell, () => this.#wentOffline(known, "its cell service was stopped"));
  }

  /** Looks for cells that have been silent too long. */
  check(): void {
    const { registry, clock, bus } = this.#deps;
    const now = clock.monotonic();
    if (now - this.#checkAt > suspendedMs) this.#forgiveSilence();
    if (!bus.connected) return;
    this.#expire();
    for (const cell of registry.all()) {
      if (!(cell.online || cell.awaited) || now - cell.heardAt < offlineAfterMs) continue;
      const seconds = ((now - cell.heardAt) / 1_000).toFixed(1);
      this.#inOrder(cell.stored.id, async () => {
        if (clock.monotonic() - cell.heardAt >= offlineAfterMs)
          await this.#wentOffline(cell, `silent for ${seconds} s`);
      });
    }
  }

  #forgiveSilence(): void {
    const now = this.#deps.clock.monotonic();
    for (const cell of this.#deps.registry.all()) if (cell.online || cell.awaited) cell.heardAt = now;
  }

  /**
   * Wakes when the next cell would have been silent too long. Heartbeats only put that off, so nothing has to wake
   * before.
   */
  #waitForSilence(): void {
    const { registry, clock, bus } = this.#deps;
    const now = clock.monotonic();
    let due = now + offlineAfterMs;
    // Without a bus, silence says nothing; all time is given back when it is there again.
    for (const cell of registry.all())
      if (bus.connected && (cell.online || cell.awaited)) due = Math.min(due, cell.heardAt + offlineAfterMs);
    const wait = Math.max(soonestCheckMs, due - now);
    this.#checkAt = now + wait;
    this.#timer = setTimeout(() => {
      try {
        this.check();
      } finally {
        this.#waitForSilence();
      }
    }, wait);
  }

  #expire(): void {
    const { registry, clock } = this.#deps;
    for (const cell of registry.all())
      if (isLeftAlone(cell) && clock.now() - cell.seenAt >= discoveredKeptMs) this.#drop(cell, "silent for an hour");
  }

  /** Nobody wanted it; should it come back, it is discovered anew. */
  #drop(cell: KnownCell, why: string): void {
    const { journal, registry, log } = this.#deps;
    const { id, name } = cell.stored;
    this.#inOrder(id, async () => {
      if (registry.find(id) !== cell || !isLeftAlone(cell)) return;
      await journal.write(async (trx) => {
        await deleteCell(trx, id);
        await journal.tell(trx, "cell.forgotten", id, { name, reason: why });
      });
      registry.remove(id);
      log.info("Dropped a discovered cell", { cell: id, name, why });
    });
  }

  /** @returns whether one more may be discovered now */
  #makeRoom(): boolean {
    const discovered = [...this.#deps.registry.all()].filter(({ stored }) => stored.pool === null);
    if (discovered.length < discoveredAtMost) return true;
    const [silent] = discovered.filter(isLeftAlone).sort((a, b) => a.seenAt - b.seenAt);
    if (silent) this.#drop(silent, "others make room");
    return false;
  }

  async #discover(report: Report<"heartbeat">): Promise<KnownCell> {
    const { journal, registry, clock, log } = this.#deps;
    const now = timestamp(clock.now());
    const stored: StoredCell = {
      id: report.cell,
      pool: null,
      enabled: true,
      ...descriptionOf(report),
      fingerprint: this.#deps.keys.of(report.cell) ?? unproven,
      discoveredAt: now,
      lastSeenAt: now,
      revision: 1,
    };
    await journal.write(async (trx) => {
      await insertCell(trx, stored);
      await journal.tell(trx, "cell.discovered", stored.id, { name: stored.name, address: stored.address });
    });
    log.info("Discovered a cell", { cell: stored.id, name: stored.name, address: stored.address });
    const known = registry.add(stored, noUsage, clock.monotonic());
    known.order.accept(report.boot, report.sequence, heartbeatMatter);
    return known;
  }

  async #describe(cell: KnownCell, report: Report<"heartbeat">): Promise<void> {
    const { journal, registry, clock } = this.#deps;
    const { id } = cell.stored;
    const said = descriptionOf(report);
    await journal.write((trx) => updateCell(trx, id, said));
    registry.changed(id, said, clock.monotonic());
  }

  async #cameOnline(cell: KnownCell): Promise<void> {
    const { journal, log, onOnline } = this.#deps;
    const { id, name } = cell.stored;
    await journal.write((trx) => journal.tell(trx, "cell.online", id, { name }));
    cell.online = true;
    cell.awaited = false;
    log.info("A cell is online", { cell: id, name });
    await onOnline(id);
  }

  async #wentOffline(cell: KnownCell, why: string): Promise<void> {
    if (!cell.online && !cell.awaited) return;
    const { journal, registry, clock, log, onOffline } = this.#deps;
    const { id, name } = cell.stored;
    cell.online = false;
    cell.awaited = false;
    registry.refresh(cell, clock.monotonic());
    log.warn("A cell is offline", { cell: id, name, why });
    const changes = { lastSeenAt: timestamp(cell.seenAt) };
    // Nobody would do it later: the cell is not online any more.
    await this.#persistently(id, async () => {
      await journal.write(async (trx) => {
        await updateCell(trx, id, changes);
        await journal.tell(trx, "cell.offline", id, { name, reason: why });
      });
      registry.changed(id, changes, clock.monotonic());
    });
    await this.#persistently(id, () => onOffline(id, why));
  }

  /** Again and again until it succeeds, or the service stops. What follows of this cell waits. */
  async #persistently(cell: CellId, work: () => Promise<void>): Promise<void> {
    for (let told = false; !this.#stopped; told = true) {
      try {
        return await work();
      } catch (error) {
        if (!told) this.#deps.log.error("Could not take note of a cell; trying again", { cell, error });
        await Promise.race([Bun.sleep(retryMs), this.#stopping.promise]);
      }
    }
  }

  /** Best effort and not kept: the next figures are never far. */
  #tellLoad(cell: KnownCell): void {
    const now = this.#deps.clock.monotonic();
    const told = this.#toldLoad.get(cell.stored.id);
    if (told && (now - told.at < loadEveryMs || !loadChanged(told.load, cell.load, cell.stored.capacity.memoryMiB)))
      return;
    const second = Math.floor(now / 1_000);
    if (this.#budget.second !== second) this.#budget = { second, told: 0 };
    if (this.#budget.told++ >= loadsPerSecond) return;
    this.#toldLoad.set(cell.stored.id, { at: now, load: cell.load });
    const { cpuPercent, memoryUsedMiB, storageUsedGiB } = cell.load;
    const data = { name: cell.stored.name, cpuPercent, memoryUsedMiB, storageUsedGiB };
    const at = timestamp(this.#deps.clock.now());
    this.#deps.bus
      .emit({ name: "cell.load", id: cell.stored.id, at, data }, `${cell.stored.id}-${at}`)
      .catch(() => this.#toldLoad.delete(cell.stored.id));
  }

  #inOrder(cell: CellId, work: () => Promise<void>): void {
    const next = (this.#changes.get(cell) ?? Promise.resolve())
      .then(work)
      .catch((error) => this.#deps.log.error("Could not take note of a cell", { cell, error }))
      .finally(() => {
        if (this.#changes.get(cell) === next) this.#changes.delete(cell);
      });
    this.#changes.set(cell, next);
  }
}

/** In no pool, with nothing placed there, and silent. */
const isLeftAlone = ({ stored, online, awaited, usage }: KnownCell): boolean =>
  stored.pool === null && !online && !awaited && usage.total === 0;

/** Fills the registry from the database: every cell is offline until it is heard. */
export async function loadRegistry(deps: {
  db: Kysely<Database>;
  registry: CellRegistry;
  clock: Clock;
  usage: ReadonlyMap<CellId, KnownCell["usage"]>;
}): Promise<void> {
  for (const cell of await loadCells(deps.db))
    deps.registry.add(cell, deps.usage.get(cell.id) ?? noUsage, deps.clock.monotonic());
}

/** Its fingerprint is no word of its own: see `keys.ts`. */
const descriptionOf = (report: Report<"heartbeat">): Omit<CellDescription, "fingerprint"> => ({
  name: report.name,
  address: report.address,
  virtualization: report.virtualization,
  capacity: report.capacity,
  versions: report.versions,
  abilities: report.abilities ?? [],
  network: report.network,
  problems: report.problems,
});

const differs = (stored: StoredCell, report: Report<"heartbeat">): boolean => {
  const said = descriptionOf(report);
  return (
    stored.name !== said.name ||
    stored.address !== said.address ||
    stored.virtualization !== said.virtualization ||
    stored.network !== said.network ||
    stored.capacity.cores !== said.capacity.cores ||
    stored.capacity.memoryMiB !== said.capacity.memoryMiB ||
    stored.capacity.storageGiB !== said.capacity.storageGiB ||
    !Bun.deepEquals(stored.versions, said.versions) ||
    !Bun.deepEquals(stored.abilities, said.abilities) ||
    !Bun.deepEquals(stored.problems, said.problems)
  );
};

const loadChanged = (before: CellLoad, now: CellLoad, memoryMiB: number): boolean =>
  Math.abs(before.cpuPercent - now.cpuPercent) >= loadChange ||
  (100 * Math.abs(before.memoryUsedMiB - now.memoryUsedMiB)) / Math.max(1, memoryMiB) >= loadChange ||
  before.storageUsedGiB !== now.storageUsedGiB;
