/**
 * What each instance uses: differences of libvirt's counters over monotonic time.
 *
 * What it costs: one call for all domains that asks each QEMU for its disks and its balloon (about 5 ms of libvirtd a
 * domain), and one look at its process a domain (0.1 ms). Processor time comes from the process, because not every host
 * has the control groups libvirt would count it in.
 */
import { type Clock, fits, type InstanceId, InstanceIdSchema, type InstanceUsage, measuredMax } from "@nano/contract";
import { type Connection, type Domain, DomainStats, GetAllDomainStats, type ParamValue } from "@nano/libvirt";
import { mibOfKib } from "../units.ts";
import { orNone } from "./failure.ts";

const timeoutMs = 8_000;
const groups = DomainStats.balloon | DomainStats.interface | DomainStats.block;
/** How old the guest's word on its memory may be: it is asked every 10 s. */
const guestSilenceSeconds = 60;

const counters = {
  diskReadBytesPerSecond: /^block\.\d+\.rd\.bytes$/,
  diskWriteBytesPerSecond: /^block\.\d+\.wr\.bytes$/,
  diskReadsPerSecond: /^block\.\d+\.rd\.reqs$/,
  diskWritesPerSecond: /^block\.\d+\.wr\.reqs$/,
  networkReceiveBytesPerSecond: /^net\.\d+\.rx\.bytes$/,
  networkSendBytesPerSecond: /^net\.\d+\.tx\.bytes$/,
} as const;
type Counter = keyof typeof counters;
const counterNames = Object.keys(counters) as Counter[];
export type Traffic = Partial<Record<Counter, number>>;

type Stats = Readonly<Record<string, ParamValue>>;

interface Sample {
  /** libvirt's number of this run: counters of another run are not compared. */
  readonly run: number | undefined;
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Nanoseconds of processor time. */
  readonly cpuTime: number;
  readonly totals: Traffic;
}

/** The sum of a counter over all disks or networks, if there are any that count. */
const sum = (stats: Stats, pattern: RegExp): number | undefined => {
  let total: number | undefined;
  for (const [name, value] of Object.entries(stats)) if (pattern.test(name)) total = (total ?? 0) + Number(value);
  return total;
};

const totalsOf = (stats: Stats): Traffic => {
  const totals: Traffic = {};
  for (const name of counterNames) {
    const total = sum(stats, counters[name]);
    if (total !== undefined) totals[name] = total;
  }
  return totals;
};

const ratesOf = (before: Sample, now: Sample): Traffic => {
  const rates: Traffic = {};
  const seconds = (now.at - before.at) / 1_000;
  for (const name of counterNames) {
    const [from, until] = [before.totals[name], now.totals[name]];
    if (from !== undefined && until !== undefined)
      rates[name] = Math.round((10 * Math.max(0, until - from)) / seconds) / 10;
  }
  return rates;
};

/**
 * What its programs use, when the guest's balloon driver says so; otherwise what QEMU takes of the host. The guest's
 * word is a stranger's: no more than it has is believed.
 * @param now seconds since the epoch
 */
export const memoryOf = (stats: Stats, now: number): Pick<InstanceUsage, "memoryUsedMiB" | "memorySource"> => {
  const {
    "balloon.available": available,
    "balloon.usable": usable,
    "balloon.unused": unused,
    "balloon.last-update": updated,
    "balloon.current": current,
    "balloon.maximum": maximum,
    "balloon.rss": resident,
  } = stats;
  const free = Number(usable ?? unused);
  const fresh = Number(updated) > now - guestSilenceSeconds;
  if (fresh && Number(available) > 0 && free >= 0)
    return {
      memoryUsedMiB: mibOfKib(Math.min(Number(available) - free, Number(current ?? maximum ?? 0))),
      memorySource: "guest",
    };
  return { memoryUsedMiB: mibOfKib(Number(resident ?? 0)), memorySource: "host" };
};

export class DomainMeter {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #isOwn: (uuid: string) => boolean;
  #samples = new Map<string, Sample>();
  #traffic: Traffic = {};

  /** @param isOwn whether the domain with this UUID is an instance of ours */
  constructor(connection: Connection, clock: Clock, isOwn: (uuid: string) => boolean) {
    this.#connection = connection;
    this.#clock = clock;
    this.#isOwn = isOwn;
  }

  /** Rates of everything that ran on the host between the last two samples, strangers' domains included. */
  get traffic(): Traffic {
    return this.#traffic;
  }

  /**
   * Takes a sample. Resolves to what the instances used since the sample before; one that was not there then is left
   * out.
   */
  async sample(): Promise<InstanceUsage[]> {
    const flags = GetAllDomainStats.active | GetAllDomainStats.nowait;
    const all = await this.#connection.getAllDomainStats(groups, flags, [], { timeout: timeoutMs });
    const samples = new Map<string, Sample>();
    const traffic: Traffic = {};
    const used = await Promise.all(all.map(({ domain, stats }) => this.#look(domain, stats, { samples, traffic })));
    this.#samples = samples;
    this.#traffic = traffic;
    return used.filter((each) => each !== undefined).slice(0, measuredMax);
  }

  async #look(
    domain: Domain,
    stats: Stats,
    into: { samples: Map<string, Sample>; traffic: Traffic },
  ): Promise<InstanceUsage | undefined> {
    const info = await orNone(domain.getInfo({ timeout: timeoutMs }));
    if (!info) return undefined;
    const now = { run: domain.id, at: this.#clock.monotonic(), cpuTime: info.cpuTime, totals: totalsOf(stats) };
    into.samples.set(domain.uuid, now);
    const before = this.#samples.get(domain.uuid);
    if (!before || before.run !== now.run || now.at <= before.at) return undefined;
    const rates = ratesOf(before, now);
    for (const name of counterNames) {
      const rate = rates[name];
      if (rate !== undefined) into.traffic[name] = (into.traffic[name] ?? 0) + rate;
    }
    if (!this.#isOwn(domain.uuid) || !fits(InstanceIdSchema, domain.uuid)) return undefined;
    const id: InstanceId = domain.uuid;
    const share = (now.cpuTime - before.cpuTime) / ((now.at - before.at) * 1e6 * Math.max(1, info.vcpus));
    return {
      id,
      // The process has threads of its own beside the cores.
      cpuPercent: Math.round(1_000 * Math.min(1, Math.max(0, share))) / 10,
      ...memoryOf(stats, this.#clock.now() / 1_000),
      ...rates,
    };
  }
}
