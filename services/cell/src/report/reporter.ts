/**
 * What the cell says without being asked: a heartbeat every second, the inventory on joining and every 10 s, an
 * instance when it changes, and every 10 s what the instances use.
 *
 * Every report, and every answer to a command, draws its number before it reads: what changed before that is in it, and
 * what changed after it is reported with a higher number. So the scheduler may believe the highest. When the hypervisor
 * does not answer, no inventory is sent at all: an empty one would say that everything is gone.
 */
import type { Report } from "@nano/bus";
import {
  type CellId,
  damagedAtMost,
  type Heartbeat,
  heartbeatIntervalMs,
  type InstanceId,
  inventoryIntervalMs,
  type Log,
  type ReportName,
  type Seen,
  statisticsIntervalMs,
} from "@nano/contract";
import type { Hypervisor } from "../hypervisor.ts";

export interface ReporterOptions {
  readonly cell: CellId;
  readonly hypervisor: Hypervisor;
  /** Sends over the bus of the moment; dropped when there is none. */
  send<R extends ReportName>(name: R, report: Report<R>): void;
  /** What of a heartbeat is not the hypervisor's to say. */
  describe(): Pick<Heartbeat, "name" | "address" | "fingerprint"> & { readonly nano: string };
  readonly log: Log;
}

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #boot = crypto.randomUUID();
  readonly #changed = new Set<InstanceId>();
  /** What was last said of each instance, to say nothing twice. */
  readonly #said = new Map<InstanceId, string>();
  #sequence = 0;
  #inventoryWanted = false;
  #working: Promise<void> | undefined;
  #measuring: Promise<void> | undefined;
  #timers: Timer[] = [];
  #stopWatching: () => void = () => {};

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopWatching = this.#options.hypervisor.onChange((id) => {
      if (id === undefined) {
        // The host itself may be another now: libvirt came back, or was looked at for the first time.
        this.#heartbeat();
        this.#inventoryWanted = true;
        this.#measure();
      } else this.#changed.add(id);
      this.#work();
    });
    this.#timers = [
      setInterval(() => this.#heartbeat(), heartbeatIntervalMs),
      setInterval(() => this.#wantInventory(), inventoryIntervalMs),
      setInterval(() => this.#measure(), statisticsIntervalMs),
    ];
  }

  /** To be called when the bus is (again) there. */
  joined(): void {
    this.#heartbeat();
    this.#wantInventory();
  }

  /** Says that the cell is leaving on purpose. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stopWatching();
    await this.#working;
    await this.#measuring;
    this.#options.send("leaving", this.#origin());
  }

  /** Draws the number of something that is about to be read. */
  stamp(): Seen {
    return { boot: this.#boot, sequence: this.#sequence++ };
  }

  #origin(): { cell: CellId; boot: string; sequence: number } {
    return { cell: this.#options.cell, ...this.stamp() };
  }

  #heartbeat(): void {
    const { nano, ...about } = this.#options.describe();
    const { versions, problems, abilities, damaged, ...facts } = this.#options.hypervisor.facts();
    const own = {
      ...about,
      ...facts,
      versions: { nano, ...versions },
      problems: [...problems],
      abilities: [...abilities],
      ...(damaged.length > 0 ? { damaged: damaged.slice(0, damagedAtMost) } : {}),
    };
    this.#options.send("heartbeat", { ...this.#origin(), ...own });
  }

  /** One at a time: a host that takes longer than the interval is asked less often. */
  #measure(): void {
    const { hypervisor, log, send } = this.#options;
    this.#measuring ??= hypervisor
      .statistics()
      .then((instances) => {
        if (instances.length > 0) send("statistics", { ...this.#origin(), instances });
      })
      .catch((error) => log.warn("Could not measure the instances", { error }))
      .finally(() => {
        this.#measuring = undefined;
      });
  }

  #wantInventory(): void {
    this.#inventoryWanted = true;
    this.#work();
  }

  #work(): void {
    this.#working ??= this.#drain().finally(() => {
      this.#working = undefined;
    });
  }

  async #drain(): Promise<void> {
    while (this.#inventoryWanted || this.#changed.size > 0) {
      try {
        if (this.#inventoryWanted) await this.#sendInventory();
        else await this.#sendChanged();
      } catch (error) {
        // Told by heartbeats as a problem; the next inventory makes up for it.
        this.#options.log.warn("Could not look at the instances", { error });
        return;
      }
    }
  }

  async #sendInventory(): Promise<void> {
    this.#inventoryWanted = false;
    this.#changed.clear();
    const origin = this.#origin();
    const instances = await this.#options.hypervisor.list();
    this.#said.clear();
    for (const each of instances) this.#said.set(each.id, JSON.stringify(each));
    this.#options.send("inventory", { ...origin, instances });
  }

  async #sendChanged(): Promise<void> {
    const [id] = this.#changed;
    if (id === undefined) return;
    this.#changed.delete(id);
    const origin = this.#origin();
    const observed = await this.#options.hypervisor.find(id);
    const before = this.#said.get(id);
    const now = observed && JSON.stringify(observed);
    if (now === before) return;
    if (now === undefined) this.#said.delete(id);
    else this.#said.set(id, now);
    this.#options.send("instance", { ...origin, id, ...(observed ? { observed } : {}) });
  }
}
