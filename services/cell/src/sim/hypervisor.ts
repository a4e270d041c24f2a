/**
 * A host that is only pretended: instances, disks and fetched files are entries of maps, time is a timeline's. It keeps
 * the same promises as the real one (idempotence, errors, events), so that what is above it cannot tell the difference,
 * and one process can be thousands of cells.
 */
import {
  abilities,
  allowedActions,
  type Disk,
  type ImageId,
  type InstanceId,
  type InstanceSpec,
  type InstanceUsage,
  type KeptFile,
  liveRecord,
  NanoError,
  type Observed,
  type PendingSetting,
  pendingBetween,
  type Resources,
  runningOf,
  type Snapshot,
  type SnapshotId,
  timestamp,
  type ZoneId,
} from "@nano/contract";
import {
  type BootMedia,
  type ByteChannel,
  type DiskRequest,
  type Display,
  type DisplayAccess,
  type FetchProgress,
  type FetchRequest,
  type HostFacts,
  type Hypervisor,
  layersAtMost,
  type MeasuredDisk,
  type PasswordRequest,
  type SnapshotRequest,
  type UploadTarget,
} from "../hypervisor.ts";
import { encodePng } from "../image/png.ts";
import { bytes, gib, mib } from "../units.ts";
import type { Removed } from "../volumes/fetcher.ts";
import { SimulatedExports } from "./exports.ts";
import { SimulatedFiles } from "./files.ts";
import { SnapshotTree } from "./snapshots.ts";
import { realTimeline, type Timeline } from "./timeline.ts";

export interface SimulatedHost {
  readonly capacity: Resources;
  /** Uniform in [0, 1): how busy this host happens to be. */
  readonly rng?: () => number;
  readonly timeline?: Timeline;
  /** How long its instances take to follow the power button, in milliseconds. */
  readonly shutdownMs?: number;
  /** How fast files arrive, in bytes per second. */
  readonly fetchBytesPerSecond?: number;
  /** What it runs; given to several, they are cells of several zones on one host. */
  readonly domains?: Map<InstanceId, Simulated>;
}

export interface Simulated {
  /** Whose it is; of an unclaimed one nobody's. */
  zone: ZoneId | undefined;
  spec: InstanceSpec;
  /** What it was started with, and what it got since. */
  live: InstanceSpec;
  state: "stopped" | "running" | "stopping" | "paused";
  media: BootMedia | undefined;
  startedAt: string | undefined;
  restartedAt?: string | undefined;
  /** How much of its cores it uses, 0 to 1. */
  readonly appetite: number;
  /** Grows at every start, so that an old run's power button does not end a new one. */
  run: number;
  readonly snapshots: SnapshotTree;
}

/** Of a host with nothing on it. */
const idle = { cpuPercent: 2, memoryMiB: 512, storageGiB: 4 };

const hash = (text: string): number => Number(Bun.hash.wyhash(text) & 0xffffffn);

export class SimulatedHypervisor implements Hypervisor {
  readonly #host: Required<SimulatedHost>;
  readonly #domains: Map<InstanceId, Simulated>;
  #zone: ZoneId | undefined;
  readonly #disks = new Map<string, DiskRequest>();
  /** Of those that are linked to others: over how many frozen files they lie, and whether they ran since. */
  readonly #layers = new Map<InstanceId, { readonly depth: number; readonly touched: boolean }>();
  readonly #files: SimulatedFiles;
  readonly #exports = new SimulatedExports();
  readonly #listeners = new Set<(id: InstanceId | undefined) => void>();

  constructor(host: SimulatedHost) {
    this.#host = {
      rng: Math.random,
      timeline: realTimeline,
      shutdownMs: 1_500,
      fetchBytesPerSecond: 400e6,
      domains: new Map(),
      ...host,
    };
    this.#domains = this.#host.domains;
    const { timeline, fetchBytesPerSecond } = this.#host;
    this.#files = new SimulatedFiles(timeline, fetchBytesPerSecond, ({ sha256, format }) =>
      format === "qcow2"
        ? [...this.#disks.values()].filter(({ base }) => base === sha256).length
        : this.#seen().filter(({ media }) => media?.sha256 === sha256).length,
    );
  }

  async start(): Promise<void> {}
  join(zone: ZoneId): void {
    this.#zone = zone;
  }
  stop = (): Promise<void> => this.#exports.stop();

  facts(): HostFacts {
    const { capacity, rng } = this.#host;
    const running = [...this.#domains.values()].filter(({ state }) => state !== "stopped");
    const cores = running.reduce((sum, { spec, appetite }) => sum + spec.cores * appetite, 0);
    const memory = running.reduce((sum, { spec }) => sum + spec.memoryMiB, idle.memoryMiB);
    const storage = [...this.#disks.values()].reduce((sum, { sizeGiB }) => sum + sizeGiB, idle.storageGiB);
    const cpu = idle.cpuPercent + (100 * cores) / capacity.cores + rng();
    return {
      virtualization: "simulated",
      capacity,
      load: {
        cpuPercent: Math.round(10 * Math.min(100, cpu)) / 10,
        memoryUsedMiB: mib(Math.min(capacity.memoryMiB, memory)),
        storageUsedGiB: gib(Math.min(capacity.storageGiB, storage)),
      },
      versions: { hypervisor: "simulated" },
      abilities: [...abilities],
      network: "none",
      problems: [],
      damaged: [],
    };
  }

  list = async (): Promise<Observed[]> => this.#seen().map((each) => observe(each, this.#zone));

  find = async (id: InstanceId): Promise<Observed | undefined> => {
    const found = this.#find(id);
    return found && observe(found, this.#zone);
  };

  onChange(listener: (id: InstanceId | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async define(spec: InstanceSpec): Promise<void> {
    const existing = this.#find(spec.id);
    if (existing) Object.assign(existing, { spec, zone: this.#zone });
    else if (this.#domains.has(spec.id))
      throw new NanoError("hypervisor-failed", `The host has a domain with the id ${spec.id} that is not this zone's`);
    else
      this.#domains.set(spec.id, {
        zone: this.#zone,
        spec,
        live: spec,
        state: "stopped",
        media: undefined,
        startedAt: undefined,
        appetite: 0.05 + 0.4 * this.#host.rng(),
        run: 0,
        snapshots: new SnapshotTree(),
      });
    this.#tell(spec.id);
  }

  async claim(id: InstanceId): Promise<void> {
    this.#known(id).zone = this.#zone;
    this.#tell(id);
  }

  async undefine(id: InstanceId): Promise<void> {
    this.#layers.delete(id);
    if (this.#find(id) && this.#domains.delete(id)) this.#tell(id);
  }

  async boot(id: InstanceId, media: BootMedia | undefined): Promise<void> {
    const instance = this.#known(id);
    if (instance.state !== "stopped") return;
    instance.zone = this.#zone;
    for (const { name } of instance.spec.disks)
      if (!this.#disks.has(`${id} ${name}`))
        throw new NanoError("hypervisor-failed", `Failed starting instance ${id}: its disk ${name} does not exist`);
    instance.run++;
    const layers = this.#layers.get(id);
    if (layers) this.#layers.set(id, { ...layers, touched: true });
    instance.live = instance.spec;
    instance.state = "running";
    instance.media = media;
    instance.startedAt = timestamp(this.#host.timeline.now());
    this.#tell(id);
  }

  async shutdown(id: InstanceId, force: boolean): Promise<void> {
    const instance = this.#known(id);
    if (instance.state === "stopped") return;
    if (force) return this.#end(instance);
    if (instance.state === "stopping") return;
    instance.state = "stopping";
    this.#tell(id);
    const { run } = instance;
    this.#host.timeline.after(this.#host.shutdownMs, () => {
      if (instance.run === run && instance.state === "stopping") this.#end(instance);
    });
  }

  async reboot(id: InstanceId, _force: boolean): Promise<void> {
    const instance = this.#running(id);
    instance.state = "running";
    instance.restartedAt = timestamp(this.#host.timeline.now());
    this.#tell(id);
  }

  async pause(id: InstanceId): Promise<void> {
    this.#running(id).state = "paused";
    this.#tell(id);
  }

  async resume(id: InstanceId): Promise<void> {
    this.#running(id).state = "running";
    this.#tell(id);
  }

  async apply(id: InstanceId): Promise<void> {
    const instance = this.#known(id);
    if (instance.state === "stopped") return;
    const { live, spec } = instance;
    const pending = pendingBetween(live, spec).filter(
      (setting) => setting === "hardware" || setting === "disks" || setting === "nics",
    );
    instance.live = liveRecord(live, spec, pending);
    this.#tell(id);
  }

  async plugNics(id: InstanceId): Promise<void> {
    const instance = this.#known(id);
    if (instance.state === "stopped") return;
    const { live, spec, snapshots } = instance;
    if (snapshots.list().some(({ memory }) => memory))
      throw new NanoError("has-snapshots", `A snapshot of instance ${id} holds its memory`);
    const others = pendingBetween(live, spec).filter((setting) => setting !== "nics");
    instance.live = liveRecord(live, spec, others);
    this.#tell(id);
  }

  async insertMedia(id: InstanceId, media: BootMedia, _force: boolean): Promise<void> {
    const instance = this.#known(id);
    if (instance.state === "stopped") throw notRunning(id);
    instance.media = media;
    this.#tell(id);
  }

  async ejectMedia(id: InstanceId, _force: boolean): Promise<void> {
    this.#known(id).media = undefined;
    this.#tell(id);
  }

  async createDisk(request: DiskRequest): Promise<void> {
    const key = `${request.id} ${request.disk}`;
    if (request.base !== undefined && !this.#files.has(request.base))
      throw new NanoError("image-not-found", `This cell has not fetched the image ${request.base}`);
    const existing = this.#disks.get(key);
    if (existing && (existing.sizeGiB !== request.sizeGiB || existing.base !== request.base))
      throw new NanoError("hypervisor-failed", `Disk ${key} exists and is another than asked for`);
    this.#disks.set(key, request);
  }

  async deleteDisk(id: InstanceId, disk: Disk["name"]): Promise<void> {
    this.#disks.delete(`${id} ${disk}`);
  }

  async measureDisks(id: InstanceId): Promise<MeasuredDisk[]> {
    return this.#known(id).spec.disks.flatMap(({ name }) => {
      const disk = this.#disks.get(`${id} ${name}`);
      if (!disk) return [];
      const capacityBytes = bytes(disk.sizeGiB * 2 ** 30);
      // A third of it is written.
      return [{ name, capacityBytes, allocatedBytes: bytes(Math.floor(capacityBytes / 3)) }];
    });
  }

  async attachDisk(id: InstanceId, _disk: Disk["name"]): Promise<void> {
    this.#known(id);
  }

  async detachDisk(id: InstanceId, _disk: Disk["name"]): Promise<void> {
    this.#known(id);
  }

  async growDisk(id: InstanceId, disk: Disk["name"], sizeGiB: DiskRequest["sizeGiB"]): Promise<void> {
    const key = `${id} ${disk}`;
    const existing = this.#disks.get(key);
    if (!existing) throw new NanoError("disk-missing", `The disk ${disk} of instance ${id} is gone`);
    if (existing.sizeGiB < sizeGiB) this.#disks.set(key, { ...existing, sizeGiB });
  }

  async rewriteDisk(id: InstanceId, disk: Disk["name"], _generation: number): Promise<FetchProgress> {
    if (this.#known(id).state !== "stopped") throw new NanoError("wrong-state", `Disk ${disk} of ${id} is in use`);
    return { ready: true, bytesDone: bytes(0), bytesTotal: bytes(0) };
  }

  async copyDisk(id: InstanceId, disk: Disk["name"], from: InstanceId): Promise<FetchProgress> {
    const { sizeGiB } = this.#still(from, disk);
    await this.createDisk({ id, disk, sizeGiB });
    return { ready: true, bytesDone: bytes(0), bytesTotal: bytes(0) };
  }

  async linkDisks(id: InstanceId, _generation: number, to: InstanceId): Promise<boolean> {
    const source = this.#known(id);
    if (source.snapshots.count > 0) throw new NanoError("has-snapshots", `Instance ${id} has snapshots`);
    const disks = source.spec.disks.map(({ name }) => this.#still(id, name));
    const { depth, touched } = this.#layers.get(id) ?? { depth: 0, touched: true };
    if (touched && depth >= layersAtMost)
      throw new NanoError("limit-reached", `Instance ${id} lies over ${depth} frozen files already`);
    for (const disk of disks) this.#disks.set(`${to} ${disk.disk}`, { ...disk, id: to });
    for (const one of [id, to]) this.#layers.set(one, { depth: touched ? depth + 1 : depth, touched: false });
    return touched;
  }

  async discardDisk(id: InstanceId, _disk: Disk["name"]): Promise<void> {
    this.#known(id);
  }

  async copyExport(id: InstanceId, disk: Disk["name"], image: ImageId): Promise<FetchProgress> {
    this.#known(id);
    const found = this.#disks.get(`${id} ${disk}`);
    if (!found) throw new NanoError("disk-missing", `The disk ${disk} of instance ${id} is gone`);
    return this.#exports.copy(image, found.sizeGiB * 2 ** 30);
  }

  sendExport = async (image: ImageId, target: UploadTarget | undefined): Promise<FetchProgress> =>
    this.#exports.send(image, target);
  endExport = (image: ImageId): Promise<void> => this.#exports.end(image);

  fetchVolume = async (request: FetchRequest): Promise<FetchProgress> => this.#files.fetch(request);
  files = async (): Promise<KeptFile[]> => this.#files.list();
  cleanFiles = async (): Promise<Removed> => this.#files.clean();

  async snapshots(id: InstanceId): Promise<Snapshot[]> {
    return this.#known(id).snapshots.list();
  }

  async createSnapshot(id: InstanceId, request: SnapshotRequest): Promise<void> {
    const { state, snapshots } = this.#known(id);
    const running = state !== "stopped";
    if (request.memory && !running)
      throw new NanoError("wrong-state", `Instance ${id} is off: it has no memory to keep`);
    snapshots.take(request, running, timestamp(this.#host.timeline.now()));
    this.#tell(id);
  }

  async restoreSnapshot(spec: InstanceSpec, snapshot: SnapshotId): Promise<void> {
    const instance = this.#known(spec.id);
    const { memory } = instance.snapshots.goBack(snapshot);
    this.#end(instance);
    instance.spec = spec;
    if (memory) await this.boot(spec.id, undefined);
  }

  async deleteSnapshot(id: InstanceId, snapshot: SnapshotId, force: boolean): Promise<void> {
    this.#known(id).snapshots.remove(snapshot, force);
    this.#tell(id);
  }

  /** As busy as it happens to be, a little different each time. */
  async statistics(): Promise<InstanceUsage[]> {
    const { rng } = this.#host;
    return [...this.#domains.values()]
      .filter(({ state, zone }) => state !== "stopped" && zone === this.#zone)
      .map(({ spec, appetite }) => ({
        id: spec.id,
        cpuPercent: Math.round(1_000 * appetite * (0.8 + 0.4 * rng())) / 10,
        memoryUsedMiB: mib(Math.round(spec.memoryMiB * (0.3 + appetite * rng()))),
        memorySource: "guest",
        diskReadBytesPerSecond: Math.round(4e6 * appetite * rng()),
        diskWriteBytesPerSecond: Math.round(8e6 * appetite * rng()),
        diskReadsPerSecond: Math.round(300 * appetite * rng()),
        diskWritesPerSecond: Math.round(600 * appetite * rng()),
        networkReceiveBytesPerSecond: Math.round(2e6 * appetite * rng()),
        networkSendBytesPerSecond: Math.round(1e6 * appetite * rng()),
      }));
  }

  /** A picture in the instance's own colour. */
  async screen(id: InstanceId): Promise<Uint8Array> {
    if (this.#known(id).state === "stopped") throw noScreen(id);
    const [width, height] = [320, 200];
    const rgb = new Uint8Array(width * height * 3);
    const colour = hash(id);
    for (let i = 0; i < rgb.length; i += 3) {
      const shade = 1 - Math.floor(i / 3 / width) / height / 2;
      rgb.set([(colour >> 16) * shade, ((colour >> 8) & 255) * shade, (colour & 255) * shade], i);
    }
    return encodePng({ width, height, rgb });
  }

  async serial(id: InstanceId): Promise<{ text: string; truncated: boolean }> {
    const { startedAt } = this.#known(id);
    return { text: startedAt === undefined ? "" : `Simulated instance, started ${startedAt}\n`, truncated: false };
  }

  async serialPort(id: InstanceId): Promise<ByteChannel> {
    this.#known(id);
    throw noScreen(id);
  }

  /** There is no VNC server behind a picture. */
  async display(id: InstanceId): Promise<Display> {
    this.#known(id);
    throw noScreen(id);
  }

  async displayAccess(id: InstanceId): Promise<DisplayAccess> {
    this.#known(id);
    throw noScreen(id);
  }

  async renewDisplay(id: InstanceId): Promise<void> {
    this.#known(id);
    throw noScreen(id);
  }

  /** There is nobody inside. */
  async setPassword(id: InstanceId, _request: PasswordRequest): Promise<void> {
    this.#known(id);
    throw new NanoError("agent-missing", `Instance ${id} is simulated: there is no guest agent in it`);
  }

  /** Nobody reads it, so nothing is kept. */
  async writeSeed(): Promise<void> {}
  async deleteSeed(): Promise<void> {}

  /** The zone's, and the unclaimed ones. */
  #seen(): Simulated[] {
    return [...this.#domains.values()].filter(({ zone }) => zone === undefined || zone === this.#zone);
  }

  #find(id: InstanceId): Simulated | undefined {
    const found = this.#domains.get(id);
    return found && (found.zone === undefined || found.zone === this.#zone) ? found : undefined;
  }

  #known(id: InstanceId): Simulated {
    const found = this.#find(id);
    if (!found)
      throw new NanoError("instance-not-found", `This cell has no instance ${id}`, { details: { instance: id } });
    return found;
  }

  /** A disk of an instance that is off. */
  #still(id: InstanceId, disk: Disk["name"]): DiskRequest {
    if (this.#known(id).state !== "stopped")
      throw new NanoError("wrong-state", `Instance ${id} is running: its disks change`);
    const found = this.#disks.get(`${id} ${disk}`);
    if (!found) throw new NanoError("disk-missing", `The disk ${disk} of instance ${id} is gone`);
    return found;
  }

  #running(id: InstanceId): Simulated {
    const instance = this.#known(id);
    if (instance.state === "stopped") throw notRunning(id);
    return instance;
  }

  #end(instance: Simulated): void {
    instance.state = "stopped";
    instance.media = undefined;
    instance.startedAt = undefined;
    instance.restartedAt = undefined;
    this.#tell(instance.spec.id);
  }

  #tell(id: InstanceId): void {
    for (const listener of this.#listeners) listener(id);
  }
}

const pendingOf = ({ state, live, spec }: Simulated): PendingSetting[] =>
  state === "stopped" ? [] : pendingBetween(live, spec);

const observe = (instance: Simulated, ours: ZoneId | undefined): Observed => {
  const { zone, spec, state, media, startedAt, restartedAt, snapshots } = instance;
  const pending = pendingOf(instance);
  return {
    id: spec.id,
    epoch: spec.epoch,
    state,
    ...(media ? { media: { id: media.id, name: media.name } } : {}),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(restartedAt === undefined ? {} : { restartedAt }),
    ...(pending.length > 0 ? { pending, running: runningOf(instance.live, pending) } : {}),
    addresses: [],
    ...(snapshots.count > 0 ? { snapshots: snapshots.count } : {}),
    ...(zone === ours ? {} : { unclaimed: true }),
    spec,
  };
};

const notRunning = (id: InstanceId): NanoError =>
  new NanoError("wrong-state", `Instance ${id} is not running`, {
    details: { state: "stopped", allowed: allowedActions("stopped") },
  });

const noScreen = (id: InstanceId): NanoError =>
  new NanoError("no-screen", `Instance ${id} is simulated: it has no console`, { details: { instance: id } });
