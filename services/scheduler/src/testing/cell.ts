/**
 * A small cell for tests, on the real bus with an identity of its own: keeps instances in memory, refuses stale epochs,
 * reports like a real one, and can be told to fail, to hang, or to vanish. It remembers every command, so that a test
 * can see what was asked how often.
 */
import type { Bus, Handlers } from "@nano/bus";
import type { TestBus } from "@nano/bus/testing";
import {
  type Ability,
  abilities,
  type CellId,
  CellIdSchema,
  type CellLoad,
  type DamagedFile,
  type Disk,
  decode,
  type ImageId,
  type InstanceId,
  type InstanceSpec,
  type InstanceState,
  type InstanceUsage,
  type KeptFile,
  liveRecord,
  NanoError,
  type Observed,
  type OperationsOf,
  pendingBetween,
  type Resources,
  runningOf,
  type Seen,
  type Snapshot,
  timestamp,
} from "@nano/contract";
import { bytes, gib, mib } from "../units.ts";
import { exportHandlers } from "./cell-exports.ts";
import { snapshotHandlers } from "./cell-snapshots.ts";

/** `testCellId(0)` → `cell-aaaaaaaaaaaaaaaa` */
export const testCellId = (n: number): CellId => {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  let id = "";
  for (let rest = n, i = 0; i < 16; i++, rest = Math.floor(rest / 32)) id = (letters[rest % 32] ?? "a") + id;
  return decode(CellIdSchema, `cell-${id}`, "Naming a test cell");
};

interface Domain {
  spec: InstanceSpec;
  /** What it was started with, and what it got since. */
  live?: InstanceSpec;
  state: InstanceState;
  stateReason?: string;
  media?: NonNullable<Observed["media"]>;
  startedAt?: string;
  restartedAt?: string;
  snapshots?: Snapshot[];
  /** An older version made it, and no zone has claimed it. */
  unclaimed?: true;
}

interface DiskFile {
  readonly sizeGiB: number;
  readonly base?: string;
  /** The file it lies over. */
  readonly over?: string;
}

export interface TestCellOptions {
  readonly id: CellId;
  readonly name: string;
  readonly capacity?: Resources;
  readonly load?: CellLoad;
  readonly virtualization?: "kvm" | "emulated" | "simulated";
  /** Answers of its own instead of an honest cell's, whether they fit the contract or not. */
  readonly lies?: Partial<Record<Command, () => unknown>>;
}

type Command = OperationsOf<"cell">;

export class TestCell {
  readonly id: CellId;
  readonly domains: Map<InstanceId, Domain>;
  /** `<instance id>/<disk>`, and `.<generation>` behind it → size in GiB and base. */
  readonly disks: Map<string, DiskFile>;
  readonly volumes: Set<string>;
  /** Copies of disks that become images. */
  readonly exports = new Map<ImageId, "copying" | "whole" | "sending" | "sent">();
  /** The image service has all of such a copy. */
  onSent: (image: ImageId) => void = () => {};
  readonly commands: { name: Command; input: unknown }[] = [];
  /** Asked before every command; may throw or wait. */
  onCommand: (name: Command, input: unknown) => Promise<void> | void = () => {};
  /** Keeps the answer to `cell.instance.list` waiting on its way. */
  answering: () => Promise<void> | void = () => {};
  /** How many times a fetch answers "not yet". */
  fetchRounds = 2;
  /** Whether work on snapshots is ever done. */
  endsSnapshots = true;
  /** A guest without an ACPI daemon does not follow its power button. */
  followsPowerButton = true;
  displayPassword = "testtest";
  /** What it keeps of images and media, as it says. */
  files: KeptFile[] = [];
  /** Those of them it tells of as damaged, until they are fetched. */
  damaged: DamagedFile[] = [];
  load: CellLoad;
  abilities: readonly Ability[] = abilities;
  readonly #bus: Bus;
  readonly #epochs = new Map<InstanceId, number>();
  readonly #fetching = new Map<string, number>();
  #boot = Bun.randomUUIDv7();
  #sequence = 0;
  #restarts = 0;
  #timers: Timer[] = [];

  private constructor(
    readonly options: TestCellOptions,
    bus: Bus,
    kept?: Pick<TestCell, "domains" | "disks" | "volumes">,
  ) {
    this.id = options.id;
    this.domains = kept?.domains ?? new Map();
    this.disks = kept?.disks ?? new Map();
    this.volumes = kept?.volumes ?? new Set();
    this.#bus = bus;
    this.load = options.load ?? { cpuPercent: 0, memoryUsedMiB: mib(0), storageUsedGiB: gib(0) };
  }

  /** @param kept what the host has from before */
  static async start(
    world: TestBus,
    options: TestCellOptions,
    kept?: Pick<TestCell, "domains" | "disks" | "volumes">,
  ): Promise<TestCell> {
    const bus = await world.cellBus(options.id, undefined, { rogue: options.lies !== undefined });
    await bus.ready();
    const cell = new TestCell(options, bus, kept);
    bus.serveCell(options.id, { ...cell.#handlers(), ...(options.lies as object) });
    cell.beat();
    return cell;
  }

  /** Heartbeats (quicker than real cells, so that tests wait less) and inventories every 10 s, beginning now. */
  beat(): void {
    this.rest();
    this.heartbeat();
    this.#timers = [setInterval(() => this.heartbeat(), 200), setInterval(() => this.inventory(), 10_000)];
  }

  /** Falls silent, as if the host had lost its power or its network; commands are still served. */
  rest(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  /** Says goodbye, like a cell service that is stopped. */
  leave(): void {
    this.rest();
    this.#bus.report("leaving", this.origin());
  }

  /** The cell service starts anew: another boot, the same domains, and no memory of epochs. */
  restart(): void {
    this.#boot = Bun.randomUUIDv7();
    this.#sequence = 0;
    this.#epochs.clear();
    this.beat();
  }

  async stop(): Promise<void> {
    this.rest();
    await this.#bus.close();
  }

  origin(): { cell: CellId; boot: string; sequence: number } {
    return { cell: this.id, boot: this.#boot, sequence: this.#sequence++ };
  }

  #stamp(): Seen {
    return { boot: this.#boot, sequence: this.#sequence++ };
  }

  heartbeat(): void {
    this.#bus.report("heartbeat", {
      ...this.origin(),
      name: this.options.name,
      address: "127.0.0.1",
      virtualization: this.options.virtualization ?? "simulated",
      capacity: this.options.capacity ?? { cores: 16, memoryMiB: mib(65_536), storageGiB: gib(1_000) },
      load: this.load,
      versions: { nano: "0.1.0" },
      abilities: [...this.abilities],
      network: "user",
      fingerprint: "UATEST",
      problems: [],
      ...(this.damaged.length > 0 ? { damaged: this.damaged } : {}),
    });
  }

  inventory(): void {
    this.#bus.report("inventory", { ...this.origin(), instances: this.observed() });
  }

  /** Reports what instances use. */
  statistics(instances: InstanceUsage[]): void {
    this.#bus.report("statistics", { ...this.origin(), instances });
  }

  /** Reports one instance, as it is or as given; without one it is gone. */
  report(id: InstanceId, observed = this.#find(id)): void {
    this.#bus.report("instance", { ...this.origin(), id, ...(observed ? { observed } : {}) });
  }

  /** Sends a report with an origin of the test's choice. */
  reportAs(origin: { cell: CellId; boot: string; sequence: number }, id: InstanceId, observed?: Observed): void {
    this.#bus.report("instance", { ...origin, id, ...(observed ? { observed } : {}) });
  }

  /** Sends an inventory with an origin of the test's choice. */
  inventoryAs(origin: { cell: CellId; boot: string; sequence: number }, instances: Observed[]): void {
    this.#bus.report("inventory", { ...origin, instances });
  }

  /** Something happens to a domain, and libvirt's event says so. */
  become(id: InstanceId, state: InstanceState, stateReason?: string): void {
    const domain = this.domains.get(id);
    if (domain) {
      domain.state = state;
      delete domain.stateReason;
      if (stateReason !== undefined) domain.stateReason = stateReason;
    }
    this.report(id);
  }

  #restart(domain: Domain): void {
    this.#restarts++;
    domain.restartedAt = timestamp(Date.now() + this.#restarts);
  }

  /** Someone removes the domain outside Nano. */
  vanish(id: InstanceId): void {
    this.domains.delete(id);
    this.report(id);
  }

  observed(): Observed[] {
    return [...this.domains.keys()].flatMap((id) => this.#find(id) ?? []);
  }

  count(name: Command): number {
    return this.commands.filter((command) => command.name === name).length;
  }

  #find(id: InstanceId): Observed | undefined {
    const domain = this.domains.get(id);
    if (!domain) return undefined;
    const { spec, state, stateReason, media, startedAt, restartedAt, live = spec, snapshots = [], unclaimed } = domain;
    const pending = state === "running" || state === "paused" ? pendingBetween(live, spec) : [];
    return {
      id,
      epoch: spec.epoch,
      state,
      ...(stateReason && state !== "running" ? { stateReason } : {}),
      // Media is in the drive for one run.
      ...(media && state !== "stopped" ? { media } : {}),
      addresses: [],
      ...(startedAt ? { startedAt } : {}),
      ...(restartedAt ? { restartedAt } : {}),
      ...(snapshots.length > 0 ? { snapshots: snapshots.length } : {}),
      ...(pending.length > 0 ? { pending, running: runningOf(live, pending) } : {}),
      ...(unclaimed ? { unclaimed } : {}),
      spec,
    };
  }

  #require(id: InstanceId): { domain: Domain; observed: () => Observed } {
    const domain = this.domains.get(id);
    if (!domain) throw new NanoError("instance-not-found", `There is no domain ${id}`);
    return { domain, observed: () => ({ ...(this.#find(id) ?? fail(id)), seen: this.#stamp() }) };
  }

  /** The running guest has these disks as they are defined, too. */
  #guestHas({ live, spec }: Domain, gets: (disk: string) => boolean): void {
    if (!live) return;
    const had = new Map(live.disks.map((disk) => [disk.name, disk]));
    live.disks = spec.disks.flatMap((disk) => (gets(disk.name) ? disk : (had.get(disk.name) ?? [])));
  }

  /** The file that a disk is, by what the domain says. */
  #diskOf(id: InstanceId, name: string): { key: string; file: DiskFile } {
    const disk = this.#require(id).domain.spec.disks.find((each) => each.name === name);
    if (!disk) throw new NanoError("disk-not-found", `No disk ${name}`);
    const key = fileOf(id, disk);
    const file = this.disks.get(key);
    if (!file) throw new NanoError("disk-missing", `No file ${key}`);
    return { key, file };
  }

  /** Deletes a file unless others lie over it, and what nothing lies over then. */
  #drop(key: string): void {
    const file = this.disks.get(key);
    if (!file || [...this.disks.values()].some(({ over }) => over === key)) return;
    this.disks.delete(key);
    const { over } = file;
    const disks = [...this.domains.values()].flatMap(({ spec }) => spec.disks.map((disk) => fileOf(spec.id, disk)));
    if (over !== undefined && !disks.includes(over)) this.#drop(over);
  }

  /** All files of a disk, of whichever generation. */
  #filesOf({ id, disk }: { id: InstanceId; disk: string }): string[] {
    return [...this.disks.keys()].filter((key) => key === `${id}/${disk}` || key.startsWith(`${id}/${disk}.`));
  }

  async #take(name: Command, input: { id?: InstanceId; epoch?: number }): Promise<void> {
    this.commands.push({ name, input });
    await this.onCommand(name, input);
    if (input.id === undefined || input.epoch === undefined) return;
    const newest = this.#epochs.get(input.id) ?? 0;
    if (input.epoch < newest) throw new NanoError("stale-epoch", `Epoch ${input.epoch} is older than ${newest}`);
    this.#epochs.set(input.id, input.epoch);
  }

  async #stand(
    name: Command,
    input: { id: InstanceId; epoch: number },
    state: "paused" | "running",
  ): Promise<Observed> {
    await this.#take(name, input);
    const { domain, observed } = this.#require(input.id);
    if (domain.state !== "running" && domain.state !== "paused")
      throw new NanoError("wrong-state", "It is not running");
    domain.state = state;
    return observed();
  }

  #handlers(): Handlers<"cell"> {
    const domainOf = (id: InstanceId) => this.#require(id).domain;
    return {
      ...snapshotHandlers({
        take: (name, input) => this.#take(name, input),
        endsSnapshots: () => this.endsSnapshots,
        snapshotsOf: (id) => domainOf(id).snapshots ?? [],
        keep: (id, snapshots) => {
          domainOf(id).snapshots = snapshots;
        },
        isRunning: (id) => domainOf(id).state === "running",
        become: (id, spec, running) => {
          const { startedAt: _, ...domain } = domainOf(id);
          const started = running ? { startedAt: timestamp(Date.now()) } : {};
          this.domains.set(id, { ...domain, ...started, spec, state: running ? "running" : "stopped" });
        },
        observed: (id) => this.#require(id).observed(),
      }),
      ...exportHandlers({
        take: (name, input) => this.#take(name, input),
        requireIdle: (id, disk) => {
          this.#diskOf(id, disk);
          if (domainOf(id).state !== "stopped") throw new NanoError("wrong-state", "It is in use");
        },
        copies: this.exports,
        sent: (image) => this.onSent(image),
      }),
      "cell.volume.fetch": async (input) => {
        await this.#take("cell.volume.fetch", {});
        const round = (this.#fetching.get(input.sha256) ?? 0) + 1;
        this.#fetching.set(input.sha256, round);
        if (round > this.fetchRounds) {
          this.volumes.add(input.sha256);
          this.damaged = this.damaged.filter(({ sha256 }) => sha256 !== input.sha256);
        }
        const ready = this.volumes.has(input.sha256);
        const done = ready ? input.bytes : bytes(Math.floor((input.bytes * round) / (this.fetchRounds + 1)));
        return { ready, bytesDone: done, bytesTotal: input.bytes };
      },
      "cell.volume.list": async () => {
        await this.#take("cell.volume.list", {});
        return { items: this.files };
      },
      "cell.volume.clean": async () => {
        await this.#take("cell.volume.clean", {});
        const unused = this.files.filter(({ users }) => users === 0);
        this.files = this.files.filter(({ users }) => users > 0);
        return { files: unused.length, bytes: bytes(unused.reduce((sum, file) => sum + file.bytes, 0)) };
      },
      "cell.disk.create": async (input) => {
        await this.#take("cell.disk.create", input);
        if (input.base !== undefined && !this.volumes.has(input.base))
          throw new NanoError("image-not-found", `No volume ${input.base}`);
        this.disks.set(fileOf(input.id, { name: input.disk, generation: input.generation ?? 0 }), {
          sizeGiB: input.sizeGiB,
          ...(input.base === undefined ? {} : { base: input.base }),
        });
        return {};
      },
      "cell.disk.delete": async (input) => {
        await this.#take("cell.disk.delete", input);
        for (const key of this.#filesOf(input)) this.#drop(key);
        return {};
      },
      "cell.disk.list": async ({ id }) => {
        await this.#take("cell.disk.list", {});
        const { spec } = this.#require(id).domain;
        const items = spec.disks.flatMap((disk) => {
          const file = this.disks.get(fileOf(id, disk));
          if (!file) return [];
          const capacityBytes = bytes(file.sizeGiB * 2 ** 30);
          return [{ name: disk.name, capacityBytes, allocatedBytes: bytes(200_704) }];
        });
        return { items };
      },
      "cell.disk.attach": async (input) => {
        await this.#take("cell.disk.attach", input);
        const { domain } = this.#require(input.id);
        if (!domain.spec.disks.some(({ name }) => name === input.disk))
          throw new NanoError("disk-not-found", `No disk ${input.disk}`);
        this.#guestHas(domain, (name) => name === input.disk);
        return {};
      },
      "cell.disk.detach": async (input) => {
        await this.#take("cell.disk.detach", input);
        const { live } = this.#require(input.id).domain;
        if (live) live.disks = live.disks.filter(({ name }) => name !== input.disk);
        return {};
      },
      "cell.disk.grow": async (input) => {
        await this.#take("cell.disk.grow", input);
        const { key, file } = this.#diskOf(input.id, input.disk);
        if (file.sizeGiB < input.sizeGiB) this.disks.set(key, { ...file, sizeGiB: input.sizeGiB });
        this.#guestHas(this.#require(input.id).domain, (name) => name === input.disk);
        return {};
      },
      "cell.disk.rewrite": async (input) => {
        await this.#take("cell.disk.rewrite", input);
        const { key, file } = this.#diskOf(input.id, input.disk);
        if (this.#require(input.id).domain.state !== "stopped") throw new NanoError("wrong-state", "It is in use");
        const copy = fileOf(input.id, { name: input.disk, generation: input.generation });
        const round = (this.#fetching.get(copy) ?? 0) + 1;
        this.#fetching.set(copy, round);
        const ready = copy === key || round > this.fetchRounds;
        if (ready) this.#fetching.delete(copy);
        if (ready) this.disks.set(copy, file);
        return { ready, bytesDone: bytes(ready ? 3_000 : 1_000), bytesTotal: bytes(3_000) };
      },
      "cell.disk.copy": async (input) => {
        await this.#take("cell.disk.copy", input);
        const { sizeGiB } = this.#diskOf(input.from, input.disk).file;
        if (this.#require(input.from).domain.state !== "stopped") throw new NanoError("wrong-state", "It is in use");
        const copy = fileOf(input.id, { name: input.disk });
        const round = (this.#fetching.get(copy) ?? 0) + 1;
        const ready = this.disks.has(copy) || round > this.fetchRounds;
        this.#fetching.set(copy, round);
        if (ready) this.disks.set(copy, { sizeGiB });
        return { ready, bytesDone: bytes(ready ? 3_000 : 1_000), bytesTotal: bytes(3_000) };
      },
      "cell.disk.link": async (input) => {
        await this.#take("cell.disk.link", input);
        const { spec, state } = this.#require(input.id).domain;
        if (state !== "stopped") throw new NanoError("wrong-state", "It is in use");
        const all = spec.disks.map(({ name }) => ({ name, ...this.#diskOf(input.id, name) }));
        // Without a guest there is nobody who writes: what lies over another file was not written to.
        const frozen = all.some(({ file }) => file.over === undefined);
        for (const { name, key, file } of all) {
          const over = frozen ? key : (file.over ?? key);
          if (frozen) this.disks.set(fileOf(input.id, { name, generation: input.generation }), { ...file, over });
          this.disks.set(fileOf(input.to, { name }), { ...file, over });
        }
        return { frozen };
      },
      "cell.disk.discard": async (input) => {
        await this.#take("cell.disk.discard", input);
        const { key } = this.#diskOf(input.id, input.disk);
        for (const other of this.#filesOf(input)) if (other !== key) this.#drop(other);
        return {};
      },
      "cell.instance.define": async (spec) => {
        await this.#take("cell.instance.define", spec);
        for (const disk of spec.disks)
          if (!this.disks.has(fileOf(spec.id, disk))) throw new NanoError("hypervisor-failed", `No disk ${disk.name}`);
        const { unclaimed: _, ...before } = this.domains.get(spec.id) ?? { state: "stopped" as const };
        this.domains.set(spec.id, { ...before, spec });
        return this.#require(spec.id).observed();
      },
      "cell.instance.claim": async (input) => {
        await this.#take("cell.instance.claim", input);
        const { domain, observed } = this.#require(input.id);
        delete domain.unclaimed;
        return observed();
      },
      "cell.instance.undefine": async (input) => {
        await this.#take("cell.instance.undefine", input);
        this.domains.delete(input.id);
        return {};
      },
      "cell.instance.start": async (input) => {
        await this.#take("cell.instance.start", input);
        const { domain, observed } = this.#require(input.id);
        if (domain.state === "stopped") delete domain.media;
        if (domain.state !== "running") domain.live = { ...domain.spec };
        domain.state = "running";
        domain.startedAt ??= timestamp(Date.now());
        if (input.media) domain.media = { id: input.media.id, name: input.media.name };
        return observed();
      },
      "cell.instance.stop": async (input) => {
        await this.#take("cell.instance.stop", input);
        const { domain, observed } = this.#require(input.id);
        if (input.force) {
          domain.state = "stopped";
          delete domain.live;
          delete domain.startedAt;
          delete domain.restartedAt;
        } else if (domain.state === "running") {
          domain.state = "stopping";
          if (this.followsPowerButton) queueMicrotask(() => this.become(input.id, "stopped"));
        }
        return observed();
      },
      "cell.instance.reboot": async (input) => {
        await this.#take("cell.instance.reboot", input);
        const { domain, observed } = this.#require(input.id);
        if (domain.state !== "running" && domain.state !== "stopping")
          throw new NanoError("wrong-state", "It is not running");
        domain.state = "running";
        if (input.force) this.#restart(domain);
        else if (this.followsPowerButton)
          queueMicrotask(() => {
            this.#restart(domain);
            this.report(input.id);
          });
        return observed();
      },
      "cell.media.insert": async (input) => {
        await this.#take("cell.media.insert", input);
        const { domain, observed } = this.#require(input.id);
        if (domain.state === "stopped") throw new NanoError("wrong-state", "It is not running");
        domain.media = { id: input.media.id, name: input.media.name };
        return observed();
      },
      "cell.media.eject": async (input) => {
        await this.#take("cell.media.eject", input);
        const { domain, observed } = this.#require(input.id);
        delete domain.media;
        return observed();
      },
      "cell.instance.pause": (input) => this.#stand("cell.instance.pause", input, "paused"),
      "cell.instance.resume": (input) => this.#stand("cell.instance.resume", input, "running"),
      "cell.instance.apply": async (input) => {
        await this.#take("cell.instance.apply", input);
        const { domain, observed } = this.#require(input.id);
        const { spec, live = spec } = domain;
        const pending = pendingBetween(live, spec).filter((setting) => setting === "hardware");
        domain.live = liveRecord(live, spec, pending);
        return observed();
      },
      "cell.instance.plug-nics": async (input) => {
        await this.#take("cell.instance.plug-nics", input);
        const { domain, observed } = this.#require(input.id);
        const { spec, live = spec } = domain;
        const others = pendingBetween(live, spec).filter((setting) => setting !== "nics");
        if (domain.state !== "stopped") domain.live = liveRecord(live, spec, others);
        return observed();
      },
      "cell.instance.get": async ({ id }) => this.#require(id).observed(),
      "cell.instance.list": async () => {
        await this.#take("cell.instance.list", {});
        const seen = this.#stamp();
        const items = this.observed().map((each) => ({ ...each, seen }));
        await this.answering();
        return { items };
      },
      "cell.instance.screen": async ({ id }) => {
        if (this.#require(id).domain.state !== "running") throw new NanoError("no-screen", "It does not run");
        return { contentType: "image/png", base64: "iVBORw0KGgo=" };
      },
      "cell.instance.serial": async ({ id }) => ({
        text: `${this.#require(id).domain.spec.name} login: `,
        truncated: false,
      }),
      "cell.console.open": async () => ({}),
      "cell.console.access": async () => ({ password: "testtest" }),
      "cell.instance.display": async () => ({ password: this.displayPassword, host: "0.0.0.0", port: 5_901 }),
      "cell.instance.renew-display": async (input) => {
        await this.#take("cell.instance.renew-display", input);
        this.displayPassword = "renewed1";
        return {};
      },
      "cell.instance.write-seed": async (input) => {
        await this.#take("cell.instance.write-seed", input);
        this.disks.set(`${input.id}/seed`, { sizeGiB: 0 });
        return {};
      },
      "cell.instance.delete-seed": async (input) => {
        await this.#take("cell.instance.delete-seed", input);
        this.disks.delete(`${input.id}/seed`);
        return {};
      },
      "cell.instance.password": async (input) => {
        await this.#take("cell.instance.password", input);
        this.#require(input.id);
        return {};
      },
    };
  }
}

/** Where a disk lies in `disks`. */
export const fileOf = (id: string, { name, generation = 0 }: Pick<Disk, "name" | "generation">): string =>
  generation === 0 ? `${id}/${name}` : `${id}/${name}.${generation}`;

const fail = (id: string): never => {
  throw new Error(`The domain ${id} is gone`);
};
