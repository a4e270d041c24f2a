/**
 * Instances as libvirt domains: their life, and how they are seen.
 *
 * A start is three steps: define with this run's record (and media), start, define without it. Between the first and
 * the last a killed cell leaves a definition that would boot from the media again; `recover` finds such definitions by
 * the record in them and puts them right.
 *
 * A host may serve several zones, and people with domains of their own. A domain whose record names this zone is ours.
 * One whose record names no zone, or one we take over from, is unclaimed: it is shown, and obeys whoever has a record
 * of it, but nothing is done to it unasked. All others do not exist here.
 */
import {
  allowedActions,
  type Clock,
  type InstanceId,
  type InstanceSpec,
  liveRecord,
  NanoError,
  nicsOf,
  type Observed,
  type PendingSetting,
  pendingBetween,
  runningOf,
  timestamp,
  type ZoneId,
} from "@nano/contract";
import { Affect, type Connection, type Domain, DomainShutdown, DomainUndefine, LibvirtError } from "@nano/libvirt";
import type { BootMedia } from "../hypervisor.ts";
import { write } from "../xml/write.ts";
import { type Known, noAddresses } from "./addresses.ts";
import { applyLive, hasMemory } from "./apply.ts";
import { type DomainHost, domainXml } from "./domain-xml.ts";
import { orNone, translated } from "./failure.ts";
import { setGuestClock } from "./guest-clock.ts";
import {
  bareInstanceElement,
  bareRunElement,
  instanceKey,
  type Run,
  readRun,
  readSpec,
  readZone,
  runKey,
} from "./metadata.ts";
import { diskVolume, domainName, fetchedVolume, isSerialVolume, markerOf } from "./names.ts";
import { requireFreeMacs } from "./neighbour-domains.ts";
import { countSnapshots } from "./snapshots.ts";
import { type DiskTrouble, mapState } from "./state.ts";
import type { Storage } from "./storage.ts";

export interface InstancesOptions {
  readonly connection: Connection;
  readonly storage: Storage;
  readonly clock: Clock;
  /** Whose instances these are; undefined until the cell has joined. */
  zone(): ZoneId | undefined;
  /** What this zone had on the host is unclaimed. */
  readonly takesOver: ZoneId | undefined;
  /** What of the host goes into definitions. */
  host(): DomainHost;
  /** 8 characters. */
  newPassword(): string;
  /** Why QEMU paused it over a disk, if an event said so. */
  diskTrouble(id: InstanceId): DiskTrouble | undefined;
  /** What its guest agent or the host's tables say. */
  addresses(id: InstanceId): Known;
  /** Whether its guest agent is connected. */
  hasAgent(id: InstanceId): boolean;
}

/** Ends a domain's definition whatever hangs on it. */
const undefineAll =
  DomainUndefine.managedSave |
  DomainUndefine.snapshotsMetadata |
  DomainUndefine.checkpointsMetadata |
  DomainUndefine.nvram;
const powerButton = DomainShutdown.acpiPowerButton;

export class Instances {
  readonly #options: InstancesOptions;
  /**
   * Those that were ours when they were looked at last: for what is told of many domains at once, and of those that are
   * gone.
   */
  readonly #own = new Set<string>();

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  /** All that are ours, and the unclaimed ones. */
  list(): Promise<Observed[]> {
    return translated("listing instances", async () => {
      if (this.#options.zone() === undefined) return [];
      const domains = (await this.#options.connection.listAllDomains()).filter(({ name }) =>
        name.startsWith(domainName("")),
      );
      const all = await Promise.all(domains.map((domain) => orNone(this.#observe(domain))));
      const observed = all.filter((each) => each !== undefined);
      const there = new Set<string>(observed.map(({ id }) => id));
      for (const id of this.#own) if (!there.has(id)) this.#own.delete(id);
      // Of more than a report carries, those are told that are ours.
      return observed.sort((one, other) => Number(one.unclaimed ?? false) - Number(other.unclaimed ?? false));
    });
  }

  find(id: InstanceId): Promise<Observed | undefined> {
    return translated(`looking at instance ${id}`, async () => {
      if (this.#options.zone() === undefined) return undefined;
      const domain = await orNone(this.#options.connection.domainByUuid(id));
      return domain && (await orNone(this.#observe(domain)));
    });
  }

  /** Whether a domain with this UUID is ours, as far as is known without asking libvirt. */
  isOwn(uuid: string): boolean {
    return this.#own.has(uuid);
  }

  /** @throws NanoError `mac-taken` when a domain that is not ours has one of its addresses */
  define(spec: InstanceSpec): Promise<void> {
    return translated(`defining instance ${spec.id}`, async () => {
      const { connection } = this.#options;
      await this.#requireNobodyElses(spec.id);
      await requireFreeMacs(connection, spec, (uuid) => this.isOwn(uuid));
      this.#own.add(spec.id);
      const domain = await connection.defineDomain(this.#xml(spec));
      await domain.setAutostart(spec.autostart);
    });
  }

  /**
   * Writes our zone into the record of an unclaimed one, and puts it in order. Does nothing when it is ours already.
   */
  claim(id: InstanceId): Promise<void> {
    return translated(`claiming instance ${id}`, async () => {
      const { domain, spec, own } = await this.#known(id);
      if (own) return;
      if (await domain.isPersistent()) await domain.setMetadata(instanceKey, this.#record(spec), Affect.config);
      await ignoring(
        "OPERATION_INVALID",
        (async () => {
          const live = readSpec(await domain.getMetadata(instanceKey.uri, Affect.live)) ?? spec;
          await domain.setMetadata(instanceKey, this.#record(live), Affect.live);
        })(),
      );
      this.#own.add(id);
      const observed = await this.find(id);
      if (observed) await this.#recover(observed);
    });
  }

  undefine(id: InstanceId): Promise<void> {
    return translated(`removing instance ${id}`, async () => {
      const domain = await this.#domain(id);
      if (domain) {
        await ignoring("OPERATION_INVALID", domain.destroy());
        await orNone(domain.undefine(undefineAll));
      }
      if (await this.isElses(id)) return;
      await this.#options.storage.refresh();
      for (const name of await this.#options.storage.names())
        if (isSerialVolume(id, name)) await this.#options.storage.remove(name);
    });
  }

  boot(id: InstanceId, media: BootMedia | undefined): Promise<void> {
    return translated(`starting instance ${id}`, async () => {
      const { domain, spec } = await this.#known(id);
      if (await domain.isActive()) return;
      if (media) await requireFetched(this.#options.storage, media);
      const run: Run = { startedAt: this.#now(), ...(media ? { media } : {}) };
      await this.#options.connection.defineDomain(this.#xml(spec, run));
      try {
        await domain.create();
      } catch (error) {
        await requireDisks(this.#options.storage, spec);
        throw error;
      } finally {
        await this.#options.connection.defineDomain(this.#xml(spec));
      }
    });
  }

  shutdown(id: InstanceId, force: boolean): Promise<void> {
    return translated(`stopping instance ${id}`, async () => {
      const { domain } = await this.#known(id);
      if (force) {
        await ignoring("OPERATION_INVALID", domain.destroy());
        return;
      }
      if (!(await domain.isActive())) return;
      await domain.shutdown(powerButton);
      await this.#changeRun(domain, (run) => ({ ...run, stoppingSince: run.stoppingSince ?? this.#now() }));
    });
  }

  reboot(id: InstanceId, force: boolean): Promise<void> {
    return translated(`restarting instance ${id}`, async () => {
      const domain = await this.#running(id);
      if (!force) {
        await domain.reboot(powerButton);
        return;
      }
      await domain.reset();
      if ((await domain.getState()).state === "paused") await domain.resume();
      await this.#changeRun(domain, ({ stoppingSince: _, pausedSince: __, ...run }) => run);
    });
  }

  pause(id: InstanceId): Promise<void> {
    return translated(`pausing instance ${id}`, async () => {
      const domain = await this.#running(id);
      // Before it stands still: whoever sees it then sees why.
      await this.#changeRun(domain, (run) => ({ ...run, pausedSince: run.pausedSince ?? this.#now() }));
      try {
        await domain.suspend();
      } catch (error) {
        await this.#changeRun(domain, ({ pausedSince: _, ...run }) => run);
        throw error;
      }
    });
  }

  /** Whyever it is paused: asked to, or over a full disk. */
  resume(id: InstanceId): Promise<void> {
    return translated(`resuming instance ${id}`, async () => {
      const domain = await this.#running(id);
      if ((await domain.getState()).state === "paused") {
        await domain.resume();
        await setGuestClock(domain, this.#options.clock.now());
      }
      await this.#changeRun(domain, ({ pausedSince: _, ...run }) => run);
    });
  }

  /** Gives a running one what its definition says, as far as it can have that now. */
  apply(id: InstanceId): Promise<void> {
    return translated(`changing instance ${id} while it runs`, async () => {
      const { domain, spec } = await this.#known(id);
      if (!(await domain.isActive())) return;
      await ignoring(
        "OPERATION_INVALID",
        (async () => {
          const live = readSpec(await domain.getMetadata(instanceKey.uri, Affect.live)) ?? spec;
          const pending = await applyLive(domain, live, spec);
          const record = liveRecord(live, spec, pending);
          await domain.setText("title", spec.name, Affect.live);
          await domain.setMetadata(instanceKey, this.#record(record), Affect.live);
        })(),
      );
    });
  }

  /** After the guest restarted itself, an earlier press of the power button has been answered: with a restart. */
  async restarted(id: InstanceId): Promise<void> {
    const domain = await this.#domain(id);
    if (domain) await this.#changeRun(domain, ({ stoppingSince: _, ...run }) => ({ ...run, restartedAt: this.#now() }));
  }

  /** A run that libvirt began by itself (autostart) has no record yet. */
  async started(id: InstanceId): Promise<void> {
    const domain = await this.#domain(id);
    if (domain) await this.#changeRun(domain, (run) => ({ startedAt: this.#now(), ...run }));
  }

  /** Changes the record of its run: what is true until that ends. */
  async record(id: InstanceId, change: (run: Run) => Run): Promise<void> {
    await this.#changeRun(await this.known(id), change);
  }

  /** What the running guest has, as far as it is recorded; of one that is off, its definition. */
  async liveSpec(id: InstanceId): Promise<InstanceSpec> {
    const { domain, spec } = await this.#known(id);
    return readSpec(await domain.getMetadata(instanceKey.uri, Affect.current)) ?? spec;
  }

  /** Changes the record of what the running guest has. Does nothing when the run has ended meanwhile. */
  async recordLive(id: InstanceId, has: Partial<InstanceSpec>): Promise<void> {
    const domain = await this.known(id);
    await ignoring(
      "OPERATION_INVALID",
      (async () => {
        const live = await this.liveSpec(id);
        await domain.setMetadata(instanceKey, this.#record({ ...live, ...has }), Affect.live);
      })(),
    );
  }

  /** A run that goes on from a snapshot is a new one: nobody has pressed its power button. */
  async resumed(id: InstanceId): Promise<void> {
    const domain = await this.#domain(id);
    if (!domain || !(await domain.isActive())) return;
    await this.#changeRun(domain, ({ media }) => ({ startedAt: this.#now(), ...(media ? { media } : {}) }));
    if ((await domain.getState()).state === "running") await setGuestClock(domain, this.#options.clock.now());
  }

  /**
   * Puts right what a killed cell left in the middle of a start, and what began while nobody looked. Resolves to our
   * instances; unclaimed ones are left as they are.
   */
  async recover(): Promise<InstanceId[]> {
    const own = (await this.list()).filter(({ unclaimed }) => !unclaimed);
    for (const each of own) await this.#recover(each);
    return own.map(({ id }) => id);
  }

  async #recover({ id, spec, startedAt }: Observed): Promise<void> {
    // libvirt's automatic starts are over before it lets anyone connect: no event tells of them. Of one that is off
    // nothing is noted.
    if (startedAt === undefined) await this.started(id);
    const domain = await this.#domain(id);
    if (domain && (await domain.isPersistent()) && (await domain.getMetadata(runKey.uri, Affect.config)) !== undefined)
      await this.#options.connection.defineDomain(this.#xml(spec));
  }

  /** @throws NanoError `instance-not-found` */
  async known(id: InstanceId): Promise<Domain> {
    return (await this.#known(id)).domain;
  }

  /** The domain with the specification it is defined by. @throws NanoError `instance-not-found` */
  specified(id: InstanceId): Promise<{ domain: Domain; spec: InstanceSpec; host: DomainHost }> {
    return this.#known(id).then((known) => ({ ...known, host: this.#options.host() }));
  }

  async #known(id: InstanceId): Promise<{ domain: Domain; spec: InstanceSpec; own: boolean }> {
    const domain = await orNone(this.#options.connection.domainByUuid(id));
    const held = domain && this.#held(domain, await definitionMetadata(domain));
    if (!held)
      throw new NanoError("instance-not-found", `This cell has no instance ${id}`, { details: { instance: id } });
    return { domain, ...held };
  }

  /** What the record of a domain that we may see says; undefined of all others. */
  #held(domain: Domain, record: string | undefined): { spec: InstanceSpec; own: boolean } | undefined {
    const { zone, takesOver } = this.#options;
    const spec = readSpec(record);
    const recorded = readZone(record);
    const own = recorded !== undefined && recorded === zone();
    const visible = zone() !== undefined && spec?.id === domain.uuid;
    if (visible && own) this.#own.add(domain.uuid);
    else this.#own.delete(domain.uuid);
    return visible && (own || recorded === undefined || recorded === takesOver) ? { spec, own } : undefined;
  }

  /** Whether there is a domain of this id that we may not see: what bears its id is not ours either. */
  async isElses(id: InstanceId): Promise<boolean> {
    return (await this.#elses(id)) !== undefined;
  }

  async #elses(id: InstanceId): Promise<Domain | undefined> {
    const domain = await orNone(this.#options.connection.domainByUuid(id));
    return domain && !this.#held(domain, await definitionMetadata(domain)) ? domain : undefined;
  }

  /** @throws NanoError `hypervisor-failed` when it is: defining would replace it */
  async #requireNobodyElses(id: InstanceId): Promise<void> {
    const domain = await this.#elses(id);
    if (!domain) return;
    throw new NanoError("hypervisor-failed", `The host has a domain with the id ${id} that is not this zone's`, {
      remedy: "Look at the domain on the host; Nano does not replace what belongs to another zone or a person.",
      details: { instance: id, domain: domain.name },
    });
  }

  /** As `domain.setMetadata` wants it. */
  #record(spec: InstanceSpec): string {
    return write(bareInstanceElement(spec, this.#options.zone()));
  }

  /** @throws NanoError `instance-not-found`, `wrong-state` */
  async #running(id: InstanceId): Promise<Domain> {
    const { domain } = await this.#known(id);
    if (await domain.isActive()) return domain;
    throw new NanoError("wrong-state", `Instance ${id} is not running`, {
      details: { state: "stopped", allowed: allowedActions("stopped") },
    });
  }

  /** One that we may see. */
  async #domain(id: InstanceId): Promise<Domain | undefined> {
    const domain = await orNone(this.#options.connection.domainByUuid(id));
    const record = domain && (await orNone(definitionMetadata(domain)));
    return domain && this.#held(domain, record) ? domain : undefined;
  }

  async #observe(domain: Domain): Promise<Observed | undefined> {
    const held = this.#held(domain, await definitionMetadata(domain));
    if (!held) return undefined;
    const { spec, own } = held;
    const { id, epoch } = spec;
    const [libvirtState, runText, liveText, snapshots] = await Promise.all([
      domain.getState(),
      domain.getMetadata(runKey.uri, Affect.current),
      domain.getMetadata(instanceKey.uri, Affect.current),
      countSnapshots(domain),
    ]);
    const recorded = readRun(runText);
    const { state, stateReason } = mapState(libvirtState, recorded, this.#options.diskTrouble(id));
    // Of an instance that is off, the record is of a run that never came about.
    const off = state === "stopped" || state === "crashed";
    const run: Run = off ? {} : recorded;
    const live = readSpec(liveText) ?? spec;
    const pending = off ? [] : await this.#pending(domain, live, spec);
    const known = off ? noAddresses : this.#options.addresses(id);
    const nicAddresses = nicsOf(spec).flatMap(({ mac }) => {
      const addresses = known.byMac.get(mac);
      return addresses ? [{ mac, addresses: [...addresses] }] : [];
    });
    return {
      id,
      epoch,
      state,
      ...(stateReason === undefined ? {} : { stateReason }),
      ...(run.media ? { media: { id: run.media.id, name: run.media.name } } : {}),
      ...(run.startedAt === undefined ? {} : { startedAt: run.startedAt }),
      ...(run.restartedAt === undefined ? {} : { restartedAt: run.restartedAt }),
      ...(!off && this.#options.hasAgent(id) ? { agent: true } : {}),
      addresses: [...known.all],
      ...(nicAddresses.length > 0 ? { nicAddresses } : {}),
      ...(pending.length > 0 ? { pending, running: runningOf(live, pending) } : {}),
      ...(snapshots > 0 ? { snapshots } : {}),
      ...(own ? {} : { unclaimed: true }),
      spec,
    };
  }

  async #pending(domain: Domain, live: InstanceSpec, spec: InstanceSpec): Promise<PendingSetting[]> {
    const pending = pendingBetween(live, spec);
    // A guest may have followed its balloon long after it was asked to.
    const followed = pending.includes("memoryMiB") && (await hasMemory(domain, spec));
    return followed ? pending.filter((setting) => setting !== "memoryMiB") : pending;
  }

  /** Changes the record of the run under way; when the run has ended meanwhile there is nothing to record. */
  async #changeRun(domain: Domain, change: (run: Run) => Run): Promise<void> {
    await ignoring(
      "OPERATION_INVALID",
      (async () => {
        const before = readRun(await domain.getMetadata(runKey.uri, Affect.live));
        const after = change(before);
        if (JSON.stringify(after) === JSON.stringify(before)) return;
        await domain.setMetadata(runKey, write(bareRunElement(after)), Affect.live);
      })(),
    );
  }

  #xml(spec: InstanceSpec, run?: Run): string {
    const request = { spec, host: this.#options.host(), password: this.#options.newPassword() };
    return domainXml(run ? { ...request, run } : request);
  }

  #now(): string {
    return timestamp(this.#options.clock.now());
  }
}

/** @throws NanoError `disk-missing` when the file of a disk is not in the storage any more */
const requireDisks = async (storage: Storage, { id, disks }: InstanceSpec): Promise<void> => {
  await storage.refresh();
  for (const { name, generation } of disks) {
    const file = diskVolume(id, name, generation);
    if (!(await storage.volume(file))) throw diskMissing(id, name, file);
  }
};

export const diskMissing = (id: InstanceId, disk: string, file: string): NanoError =>
  new NanoError(
    "disk-missing",
    `The disk ${disk} of instance ${id} is gone: there is no ${file} in the cell's storage`,
    {
      details: { disk, file },
    },
  );

/** @throws NanoError `hypervisor-failed` when the media is not in the cell's storage */
export const requireFetched = async (storage: Storage, { sha256 }: Pick<BootMedia, "sha256">): Promise<void> => {
  if (await storage.volume(markerOf(fetchedVolume(sha256, "iso")))) return;
  throw new NanoError("hypervisor-failed", `This cell has not fetched the media ${sha256}`, {
    remedy: "Fetch it first with cell.volume.fetch.",
  });
};

/**
 * The record in the definition; of a running domain without one (someone undefined it outside Nano), that of the run.
 */
const definitionMetadata = async (domain: Domain): Promise<string | undefined> => {
  try {
    return await domain.getMetadata(instanceKey.uri, Affect.config);
  } catch (error) {
    if (!LibvirtError.is(error, "OPERATION_INVALID")) throw error;
    return domain.getMetadata(instanceKey.uri, Affect.current);
  }
};

const ignoring = async (code: string, work: Promise<void>): Promise<void> => {
  try {
    await work;
  } catch (error) {
    if (!LibvirtError.is(error, code, "NO_DOMAIN")) throw error;
  }
};
