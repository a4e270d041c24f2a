/**
 * The real hypervisor: libvirt and QEMU, on this machine or another one.
 *
 * Nothing about instances is kept here that libvirt does not know. The connection repairs itself; each time it is back,
 * the pool, the host's abilities and half-done starts are looked at again, and everyone is told that anything may have
 * changed. While libvirt is away, `facts` says so and calls fail at once.
 */
import { randomInt } from "node:crypto";
import {
  type Ability,
  type Clock,
  type Disk,
  type GiB,
  type ImageId,
  type InstanceId,
  type InstanceSpec,
  type InstanceUsage,
  type KeptFile,
  type Log,
  NanoError,
  needsOf,
  type Observed,
  type Snapshot,
  type SnapshotId,
  settingsOf,
  type ZoneId,
} from "@nano/contract";

import { Connection } from "@nano/libvirt";
import type {
  BootMedia,
  ByteChannel,
  DiskRequest,
  Display,
  DisplayAccess,
  FetchProgress,
  FetchRequest,
  HostFacts,
  Hypervisor,
  MeasuredDisk,
  PasswordRequest,
  SnapshotRequest,
  UploadTarget,
} from "../hypervisor.ts";
import type { SeedRequest } from "../seed/seed.ts";
import { gib, mib } from "../units.ts";
import type { Removed } from "../volumes/fetcher.ts";
import type { UpkeepPolicy } from "../volumes/upkeep.ts";
import { probeAbilities, refuseUnsupported } from "./abilities.ts";
import { AddressBook, type HostTable } from "./addresses.ts";
import { Clones } from "./clones.ts";
import { Copies } from "./copies.ts";
import { DiskChanges } from "./disk-changes.ts";
import { Disks } from "./disks.ts";
import type { DomainHost } from "./domain-xml.ts";
import { Drives } from "./drives.ts";
import { Exports } from "./exports.ts";
import { libvirtSilent, notJoined, stillLooking } from "./failure.ts";
import { FetchedFiles } from "./fetched-files.ts";
import { setGuestPassword } from "./guest-password.ts";
import { type HostAbilities, type HostPreferences, networkName, probeHost } from "./host.ts";
import { Instances } from "./instances.ts";
import { Layers } from "./layers.ts";
import { LoadMeter } from "./load.ts";
import { NicChanges } from "./nic-changes.ts";
import { Rewrites } from "./rewrites.ts";
import { Seeds } from "./seeds.ts";
import { SerialPorts } from "./serial-ports.ts";
import { Snapshots } from "./snapshots.ts";
import type { DiskTrouble } from "./state.ts";
import { DomainMeter } from "./statistics.ts";
import { Storage } from "./storage.ts";
import { connectOptions, type LibvirtTarget } from "./uri.ts";
import { findDisplay, readDisplayAccess, readSerial, renewDisplay, takeScreen, watchDomains } from "./watch.ts";

export interface LibvirtConfig extends LibvirtTarget {
  /**
   * Name of the storage pool in libvirt, and its directory if it has to be made. Default: the zone's own, see
   * pool-choice.ts.
   */
  readonly pool?: string;
  readonly storage?: string;
  /** What the pool was called by a version that knew of no zones, of a cell that was made by one. */
  readonly formerPool?: string;
  /** What this zone had on the host may be claimed by ours: it is gone for good. */
  readonly takesOver?: ZoneId;
  readonly virtualization: HostPreferences["virtualization"];
  readonly network: HostPreferences["network"];
  /** The address VNC servers listen on; loopback by default. */
  readonly vncListen?: string;
  /** How fetched files are looked after; the usual way by default. */
  readonly upkeep?: Partial<UpkeepPolicy>;
}

/** As often as the scheduler tells a load on. */
const sampleIntervalMs = 2_000;
/** How long a stop waits for what is being tried out. */
const probePatienceMs = 5_000;
const openRetryMs = 2_000;
/** A libvirtd that hangs is given up, and said to be silent, after about 12 s. */
const keepalive = { interval: 3_000, count: 3 };
const passwordLetters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/** 8 characters are all VNC looks at (RFC 6143, 7.2.2). */
const newPassword = (): string =>
  Array.from({ length: 8 }, () => passwordLetters[randomInt(passwordLetters.length)]).join("");

export class LibvirtHypervisor implements Hypervisor {
  readonly #log: Log;
  readonly #preferences: HostPreferences;
  readonly #connection: Connection;
  readonly #storage: Storage;
  readonly #instances: Instances;
  readonly #serialPorts: SerialPorts;
  readonly #disks: Disks;
  readonly #drives: Drives;
  readonly #snapshots: Snapshots;
  readonly #seeds: Seeds;
  readonly #vncListen: string | undefined;
  readonly #diskChanges: DiskChanges;
  readonly #nicChanges: NicChanges;
  readonly #rewrites: Rewrites;
  readonly #exports: Exports;
  readonly #layers: Layers;
  readonly #clones: Clones;
  readonly #files: FetchedFiles;
  readonly #domains: DomainMeter;
  readonly #load: LoadMeter;
  readonly #addresses: AddressBook;
  #zone: ZoneId | undefined;
  readonly #listeners = new Set<(id: InstanceId | undefined) => void>();
  readonly #trouble = new Map<InstanceId, DiskTrouble>();
  #abilities: HostAbilities | undefined;
  /** What of that others may lack; found out behind the rest, as it takes a moment. */
  #able: readonly Ability[] = [];
  #probing: Promise<void> | undefined;
  /** Why the host could not be opened, though libvirt answers. */
  #problem: string | undefined;
  #open = false;
  #opening: Promise<void> | undefined;
  #retry: Timer | undefined;
  #sampling = false;
  #sampler: Timer | undefined;

  /** @throws TypeError when the configuration makes no sense */
  constructor(config: LibvirtConfig, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    const { local, ...options } = connectOptions(config);
    this.#log = log;
    this.#preferences = { virtualization: config.virtualization, network: config.network, local };
    this.#connection = new Connection({ ...options, background: true, keepalive });
    const connection = this.#connection;
    const { pool, formerPool, storage: path, takesOver } = config;
    this.#storage = new Storage({ connection, pool, formerPool, path, takesOver, log });
    const isOwn = (uuid: string): boolean => this.#instances.isOwn(uuid);
    this.#domains = new DomainMeter(connection, clock, isOwn);
    this.#load = new LoadMeter(connection, this.#storage, clock, this.#domains);
    const table = (): HostTable => {
      const { nat, bridge } = this.#abilities ?? {};
      return nat ? "leases" : bridge ? { neighboursOn: bridge, local } : "none";
    };
    this.#addresses = new AddressBook(connection, isOwn, table, (id) => this.#tell(id));
    this.#layers = new Layers(connection, this.#storage, isOwn);
    const copies = new Copies(this.#storage);
    this.#disks = new Disks(connection, this.#storage, this.#layers, copies);
    this.#vncListen = config.vncListen;
    this.#instances = new Instances({
      connection,
      storage: this.#storage,
      clock,
      zone: () => this.#zone,
      takesOver,
      host: () => this.#domainHost(),
      newPassword,
      diskTrouble: (id) => this.#trouble.get(id),
      addresses: (id) => this.#addresses.of(id),
      hasAgent: (id) => this.#addresses.hasAgent(id),
    });
    this.#seeds = new Seeds(this.#storage, this.#instances);
    this.#serialPorts = new SerialPorts(this.#instances);
    this.#files = new FetchedFiles({
      storage: this.#storage,
      layers: this.#layers,
      instances: this.#instances,
      clock,
      log,
      policy: config.upkeep,
    });
    this.#drives = new Drives(this.#instances, this.#storage);
    this.#snapshots = new Snapshots({ instances: this.#instances, storage: this.#storage, clock });
    this.#diskChanges = new DiskChanges(this.#instances, this.#storage, this.#layers);
    this.#nicChanges = new NicChanges(this.#instances);
    this.#rewrites = new Rewrites(this.#diskChanges, this.#storage, this.#layers, copies);
    this.#clones = new Clones({
      instances: this.#instances,
      storage: this.#storage,
      disks: this.#disks,
      changes: this.#diskChanges,
      layers: this.#layers,
      copies,
    });
    this.#exports = new Exports({
      disks: this.#diskChanges,
      layers: this.#layers,
      storage: this.#storage,
      local,
      clock,
      log,
    });
  }

  async start(): Promise<void> {
    await watchDomains(this.#connection, this.#instances, {
      failed: (error) => this.#log.warn("Could not find out whose a domain is", { error }),
      changed: (id) => this.#tell(id),
      started: (id) => this.#quietly("noting a start", this.#instances.started(id)),
      restarted: (id) =>
        this.#quietly(
          "noting a restart",
          this.#instances.restarted(id).then(() => this.#tell(id)),
        ),
      ended: (id) => {
        this.#trouble.delete(id);
        this.#addresses.forget(id);
      },
      diskTrouble: (id, noSpace) => this.#trouble.set(id, noSpace ? "no-space" : "other"),
      unplugged: (id) => {
        const noted = [this.#nicChanges.noteUnplugged(id), this.#diskChanges.noteUnplugged(id)];
        this.#quietly(
          "noting what a guest let go of",
          Promise.all(noted).then(() => this.#tell(id)),
        );
      },
      agent: (id, connected) => this.#addresses.agent(id, connected),
    });
    this.#connection.onState((state, error) => {
      if (state === "connected") this.#openHost();
      if (state !== "disconnected" || !this.#open) return;
      this.#open = false;
      this.#log.warn("Lost libvirt; reconnecting", { error });
    });
    await this.#connection.start();
    this.#sampler = setInterval(() => void this.#sample(), sampleIntervalMs);
  }

  join(zone: ZoneId): void {
    if (zone === this.#zone) return;
    if (this.#zone !== undefined) this.#log.warn("The cell is another zone's now", { zone, before: this.#zone });
    this.#zone = zone;
    const look = (): void => {
      this.#open = false;
      this.#storage.forget();
      if (this.#connection.state === "connected") this.#openHost();
    };
    if (this.#opening) void this.#opening.then(look);
    else look();
  }

  async stop(): Promise<void> {
    clearInterval(this.#sampler);
    clearTimeout(this.#retry);
    await Promise.all([this.#files.stop(), this.#exports.stop()]);
    // libvirtd 9.0 has crashed when whom it was making something for went away in the middle of it.
    const patience = new Promise<void>((resolve) => setTimeout(resolve, probePatienceMs).unref());
    await Promise.race([this.#probing, patience]);
    this.#connection.close();
    await this.#opening;
    await this.#probing;
  }

  facts(): HostFacts {
    const abilities = this.#abilities;
    const silent = this.#connection.state !== "connected";
    const problems = [
      ...(silent ? [libvirtSilent] : this.#problem === undefined ? [] : [this.#problem]),
      ...(this.#open || silent || this.#problem !== undefined ? [] : [stillLooking]),
      ...(abilities?.problems ?? []),
      ...this.#files.upkeep.problems,
    ];
    return {
      virtualization: abilities?.virtualization ?? "emulated",
      capacity: {
        cores: abilities?.cores ?? 0,
        memoryMiB: mib(abilities?.memoryMiB ?? 0),
        storageGiB: abilities ? this.#load.storageGiB : gib(0),
      },
      load: this.#load.load,
      versions: abilities ? { libvirt: abilities.libvirt, hypervisor: abilities.hypervisor } : {},
      abilities: this.#able,
      network: abilities ? networkName(abilities) : "user",
      problems,
      damaged: this.#files.upkeep.damaged,
    };
  }

  onChange(listener: (id: InstanceId | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  list = (): Promise<Observed[]> => this.#instances.list();
  find = (id: InstanceId): Promise<Observed | undefined> => this.#instances.find(id);
  serialPort = (id: InstanceId, takeOver: boolean): Promise<ByteChannel> => this.#serialPorts.open(id, takeOver);
  screen = (id: InstanceId): Promise<Uint8Array> => takeScreen(this.#instances, id);
  displayAccess = (id: InstanceId): Promise<DisplayAccess> => readDisplayAccess(this.#instances, id);
  renewDisplay = (id: InstanceId): Promise<void> => renewDisplay(this.#instances, id, newPassword());
  setPassword = (id: InstanceId, request: PasswordRequest): Promise<void> =>
    setGuestPassword(this.#instances, id, request);

  define = (spec: InstanceSpec): Promise<void> =>
    this.#whenOpen(async () => {
      if (needsOf(settingsOf(spec)).length > 0) await this.#probing;
      refuseUnsupported(spec, this.#able);
      await this.#instances.define(spec);
    });
  claim = (id: InstanceId): Promise<void> =>
    this.#whenOpen(async () => {
      await this.#instances.claim(id);
      await this.#addresses.lookAgain([id]);
      this.#tell(id);
    });
  undefine = (id: InstanceId): Promise<void> => this.#whenOpen(() => this.#instances.undefine(id));
  boot = (id: InstanceId, media: BootMedia | undefined): Promise<void> =>
    this.#whenOpen(async () => {
      await this.#files.holdMedia(media);
      await this.#files.requireGround(id);
      await this.#instances.boot(id, media);
    });
  shutdown = (id: InstanceId, force: boolean): Promise<void> =>
    this.#whenOpen(() => this.#instances.shutdown(id, force));
  reboot = (id: InstanceId, force: boolean): Promise<void> => this.#whenOpen(() => this.#instances.reboot(id, force));
  insertMedia = (id: InstanceId, media: BootMedia, force: boolean): Promise<void> =>
    this.#whenOpen(async () => {
      await this.#files.holdMedia(media);
      await this.#drives.insert(id, media, force);
    });
  ejectMedia = (id: InstanceId, force: boolean): Promise<void> => this.#whenOpen(() => this.#drives.eject(id, force));
  pause = (id: InstanceId): Promise<void> => this.#whenOpen(() => this.#instances.pause(id));
  resume = (id: InstanceId): Promise<void> => this.#whenOpen(() => this.#instances.resume(id));
  apply = (id: InstanceId): Promise<void> => this.#whenOpen(() => this.#instances.apply(id));
  plugNics = (id: InstanceId): Promise<void> => this.#whenOpen(() => this.#nicChanges.plug(id));
  createDisk = (request: DiskRequest): Promise<void> =>
    this.#whenOpen(async () => {
      await this.#files.holdBase(request);
      await this.#disks.create(request);
    });
  deleteDisk = (id: InstanceId, disk: Disk["name"]): Promise<void> =>
    this.#whenOpen(() => this.#disks.delete(id, disk));
  writeSeed = (request: SeedRequest): Promise<void> => this.#whenOpen(() => this.#seeds.write(request));
  deleteSeed = (id: InstanceId): Promise<void> => this.#whenOpen(() => this.#seeds.delete(id));
  measureDisks = (id: InstanceId): Promise<MeasuredDisk[]> => this.#whenOpen(() => this.#diskChanges.list(id));
  attachDisk = (id: InstanceId, disk: Disk["name"]): Promise<void> =>
    this.#whenOpen(() => this.#diskChanges.attach(id, disk));
  detachDisk = (id: InstanceId, disk: Disk["name"]): Promise<void> =>
    this.#whenOpen(() => this.#diskChanges.detach(id, disk));
  growDisk = (id: InstanceId, disk: Disk["name"], sizeGiB: GiB): Promise<void> =>
    this.#whenOpen(() => this.#diskChanges.grow(id, disk, sizeGiB));
  rewriteDisk = (id: InstanceId, disk: Disk["name"], generation: number): Promise<FetchProgress> =>
    this.#whenOpen(() => this.#rewrites.rewrite(id, disk, generation));
  discardDisk = (id: InstanceId, disk: Disk["name"]): Promise<void> =>
    this.#whenOpen(() => this.#rewrites.discard(id, disk));
  copyExport = (id: InstanceId, disk: Disk["name"], image: ImageId): Promise<FetchProgress> =>
    this.#whenOpen(() => this.#exports.copy(id, disk, image));
  sendExport = (image: ImageId, target: UploadTarget | undefined): Promise<FetchProgress> =>
    this.#whenOpen(() => this.#exports.send(image, target));
  endExport = (image: ImageId): Promise<void> => this.#whenOpen(() => this.#exports.end(image));
  copyDisk = (id: InstanceId, disk: Disk["name"], from: InstanceId): Promise<FetchProgress> =>
    this.#whenOpen(() => this.#clones.copy(id, disk, from));
  linkDisks = (id: InstanceId, generation: number, to: InstanceId): Promise<boolean> =>
    this.#whenOpen(() => this.#clones.link(id, generation, to));
  fetchVolume = (request: FetchRequest): Promise<FetchProgress> =>
    this.#whenOpen(() => this.#files.upkeep.fetch(request));
  files = (): Promise<KeptFile[]> => this.#whenOpen(() => this.#files.upkeep.list());
  cleanFiles = (): Promise<Removed> => this.#whenOpen(() => this.#files.upkeep.clean());
  snapshots = (id: InstanceId): Promise<Snapshot[]> => this.#snapshots.list(id);
  createSnapshot = (id: InstanceId, request: SnapshotRequest): Promise<void> =>
    this.#whenOpen(() => this.#snapshots.create(id, request));
  restoreSnapshot = (spec: InstanceSpec, snapshot: SnapshotId): Promise<void> =>
    this.#whenOpen(async () => {
      await this.#files.requireGround(spec.id);
      await this.#snapshots.restore(spec, snapshot);
    });
  deleteSnapshot = (id: InstanceId, snapshot: SnapshotId, force: boolean): Promise<void> =>
    this.#whenOpen(() => this.#snapshots.remove(id, snapshot, force));
  statistics = (): Promise<InstanceUsage[]> => this.#whenOpen(() => this.#domains.sample());
  serial = (id: InstanceId): Promise<{ text: string; truncated: boolean }> =>
    this.#whenOpen(() => readSerial(this.#instances, this.#storage, id));

  async display(id: InstanceId): Promise<Display> {
    const { host, port } = await findDisplay(this.#instances, id);
    // Another machine's loopback is not ours: the way there is through the connection to its libvirt.
    if (this.#preferences.local) return { host, port };
    return { host, port, connect: () => this.#connection.openTcp(port, host) };
  }

  /**
   * What changes something waits for the look at the host that is under way: before it nobody knows where the storage
   * is, or how instances are to be defined.
   */
  async #whenOpen<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#open) await this.#opening;
    if (!this.#open)
      throw new NanoError(
        "hypervisor-failed",
        `The host is not ready: ${this.#problem ?? (this.#zone === undefined ? notJoined : libvirtSilent)}`,
      );
    return work();
  }

  #domainHost(): DomainHost {
    const { virtualization = "emulated", bridge, nat, cores = 0 } = this.#abilities ?? {};
    return {
      ...(this.#zone === undefined ? {} : { zone: this.#zone }),
      virtualization,
      cores,
      poolPath: this.#storage.path,
      ...(this.#vncListen === undefined ? {} : { vncListen: this.#vncListen }),
      ...(bridge === undefined ? {} : { bridge }),
      ...(nat === undefined ? {} : { nat }),
    };
  }

  /** Looks at everything anew, once at a time, until it succeeds or the connection is gone again. */
  #openHost(): void {
    clearTimeout(this.#retry);
    const zone = this.#zone;
    if (zone === undefined) return;
    this.#opening ??= this.#lookAtHost(zone)
      .catch((error) => {
        if (this.#connection.state !== "connected") return;
        this.#problem = error instanceof Error ? error.message : String(error);
        this.#log.error("libvirt answers, but the host cannot be used; trying again", { error });
        this.#retry = setTimeout(() => this.#openHost(), openRetryMs);
      })
      .finally(() => {
        this.#opening = undefined;
      });
  }

  async #lookAtHost(zone: ZoneId): Promise<void> {
    await this.#storage.ensure(zone);
    this.#abilities = await probeHost(this.#connection, this.#preferences);
    await this.#files.upkeep.open();
    await this.#exports.tidy();
    await this.#layers.collect();
    await this.#addresses.lookAgain(await this.#instances.recover());
    await this.#load.sample();
    this.#problem = undefined;
    this.#open = true;
    this.#probing = this.#probe(zone, this.#abilities);
    const { virtualization, libvirt, hypervisor, cores, memoryMiB } = this.#abilities;
    this.#log.info("The host is open", { virtualization, libvirt, hypervisor, cores, memoryMiB });
    this.#tell(undefined);
  }

  async #probe(zone: ZoneId, host: HostAbilities): Promise<void> {
    try {
      this.#able = await probeAbilities(this.#connection, zone, host);
      this.#log.info("The host's abilities are known", { abilities: this.#able });
    } catch (error) {
      if (this.#connection.state === "connected") this.#log.warn("Could not find out what the host can do", { error });
    }
  }

  async #sample(): Promise<void> {
    if (!this.#open || this.#sampling) return;
    this.#sampling = true;
    try {
      await this.#load.sample();
      await this.#addresses.sample();
    } catch (error) {
      if (!this.#open || this.#connection.state !== "connected") return;
      this.#log.warn("Could not measure the host; looking at it anew", { error });
      // The storage pool may have been stopped or its directory have gone: that is put right, or becomes a problem
      // people see.
      this.#open = false;
      this.#openHost();
    } finally {
      this.#sampling = false;
    }
  }

  #tell(id: InstanceId | undefined): void {
    for (const listener of this.#listeners) listener(id);
  }

  #quietly(doing: string, work: Promise<void>): void {
    work.catch((error) => this.#log.warn(`Failed ${doing}`, { error }));
  }
}
