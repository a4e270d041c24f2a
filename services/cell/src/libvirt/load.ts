/** How busy the host is, from libvirt's counters: differences of two samples over monotonic time. */
import type { CellLoad, Clock, GiB } from "@nano/contract";
import type { Connection } from "@nano/libvirt";
import { gib, gibOfBytes, mib, mibOfKib } from "../units.ts";
import type { DomainMeter } from "./statistics.ts";
import type { Storage, StorageFigures } from "./storage.ts";

/** Storage is asked for less often: it asks the disk. */
const slowIntervalMs = 5_000;

const percent = (part: number, whole: number): number =>
  whole <= 0 ? 0 : Math.round(Math.min(100, Math.max(0, (100 * part) / whole)) * 10) / 10;

export class LoadMeter {
  readonly #connection: Connection;
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #domains: DomainMeter;
  #busy: { idle: number; all: number } | undefined;
  #slowAt = Number.NEGATIVE_INFINITY;
  #figures: StorageFigures | undefined;
  #load: CellLoad = { cpuPercent: 0, memoryUsedMiB: mib(0), storageUsedGiB: gib(0) };

  constructor(connection: Connection, storage: Storage, clock: Clock, domains: DomainMeter) {
    this.#connection = connection;
    this.#storage = storage;
    this.#clock = clock;
    this.#domains = domains;
  }

  get load(): CellLoad {
    return { ...this.#load, ...this.#domains.traffic };
  }

  get storageGiB(): GiB {
    return gibOfBytes(this.#figures?.capacity ?? 0);
  }

  /** Takes a sample. To be called about every second; asks the disk every 5 s only. */
  async sample(): Promise<void> {
    const [cpu, memory] = await Promise.all([
      this.#connection.nodeGetCPUStats(),
      this.#connection.nodeGetMemoryStats(),
    ]);
    await this.#lookAtStorage();
    const { total = 0, free = 0, buffers = 0, cached = 0 } = memory;
    this.#load = {
      cpuPercent: this.#cpuPercent(cpu),
      memoryUsedMiB: mibOfKib(total - free - buffers - cached),
      storageUsedGiB: gibOfBytes(this.#figures?.used ?? 0),
    };
  }

  #cpuPercent(stats: Readonly<Record<string, number>>): number {
    const { idle = 0, iowait = 0, kernel = 0, user = 0 } = stats;
    const now = { idle: idle + iowait, all: idle + iowait + kernel + user };
    const before = this.#busy ?? { idle: 0, all: 0 };
    if (now.all === before.all) return this.#load.cpuPercent;
    this.#busy = now;
    const all = now.all - before.all;
    return percent(all - (now.idle - before.idle), all);
  }

  async #lookAtStorage(): Promise<void> {
    const at = this.#clock.monotonic();
    if (at - this.#slowAt < slowIntervalMs) return;
    this.#slowAt = at;
    this.#figures = await this.#storage.figures();
  }
}
