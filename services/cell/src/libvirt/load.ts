/** How busy the host is, from libvirt's counters: differences of two samples over monotonic time. */
import type { CellLoad, Clock, GiB } from "@nano/contract";
import { type Connection, DomainStats, GetAllDomainStats, type ParamValue } from "@nano/libvirt";
import { gib, gibOfBytes, mib, mibOfKib } from "../units.ts";
import type { Storage, StorageFigures } from "./storage.ts";

/** Storage and traffic are asked for less often: each asks the disk, or every QEMU. */
const slowIntervalMs = 5_000;

interface Traffic {
  received: number;
  sent: number;
  read: number;
  written: number;
}

type Stats = readonly { readonly stats: Readonly<Record<string, ParamValue>> }[];

const sum = (all: Stats, pattern: RegExp): number => {
  let total = 0;
  for (const { stats } of all)
    for (const [name, value] of Object.entries(stats)) if (pattern.test(name)) total += Number(value);
  return total;
};

/** Bytes since their start, of all running domains. */
const trafficOf = (all: Stats): Traffic => ({
  received: sum(all, /^net\.\d+\.rx\.bytes$/),
  sent: sum(all, /^net\.\d+\.tx\.bytes$/),
  read: sum(all, /^block\.\d+\.rd\.bytes$/),
  written: sum(all, /^block\.\d+\.wr\.bytes$/),
});

const percent = (part: number, whole: number): number =>
  whole <= 0 ? 0 : Math.round(Math.min(100, Math.max(0, (100 * part) / whole)) * 10) / 10;

export class LoadMeter {
  readonly #connection: Connection;
  readonly #storage: Storage;
  readonly #clock: Clock;
  #busy: { idle: number; all: number } | undefined;
  #traffic: { at: number; bytes: Traffic } | undefined;
  #slowAt = Number.NEGATIVE_INFINITY;
  #figures: StorageFigures | undefined;
  #load: CellLoad = { cpuPercent: 0, memoryUsedMiB: mib(0), storageUsedGiB: gib(0) };

  constructor(connection: Connection, storage: Storage, clock: Clock) {
    this.#connection = connection;
    this.#storage = storage;
    this.#clock = clock;
  }

  get load(): CellLoad {
    return this.#load;
  }

  get storageGiB(): GiB {
    return gibOfBytes(this.#figures?.capacity ?? 0);
  }

  /** Takes a sample. To be called about every second; asks the expensive things every 5 s only. */
  async sample(): Promise<void> {
    const [cpu, memory] = await Promise.all([
      this.#connection.nodeGetCPUStats(),
      this.#connection.nodeGetMemoryStats(),
    ]);
    const rates = await this.#slowly();
    const { total = 0, free = 0, buffers = 0, cached = 0 } = memory;
    this.#load = {
      ...this.#load,
      ...rates,
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

  async #slowly(): Promise<Partial<CellLoad>> {
    const at = this.#clock.monotonic();
    if (at - this.#slowAt < slowIntervalMs) return {};
    this.#slowAt = at;
    this.#figures = await this.#storage.figures();
    const all = await this.#connection.getAllDomainStats(
      DomainStats.interface | DomainStats.block,
      GetAllDomainStats.active | GetAllDomainStats.nowait,
    );
    const before = this.#traffic;
    const bytes = trafficOf(all);
    this.#traffic = { at, bytes };
    if (!before) return {};
    // An instance that ended takes its counters with it: the sum may shrink.
    const rate = (name: keyof Traffic): number =>
      Math.max(0, Math.round(((bytes[name] - before.bytes[name]) * 1_000) / (at - before.at)));
    return {
      networkReceiveBytesPerSecond: rate("received"),
      networkSendBytesPerSecond: rate("sent"),
      diskReadBytesPerSecond: rate("read"),
      diskWriteBytesPerSecond: rate("written"),
    };
  }
}
