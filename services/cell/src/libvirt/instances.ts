/**
 * Instances as libvirt domains: their life, and how they are seen.
 *
 * A start is three steps: define with this run's record (and media), start, define without it. Between the first and the last a killed cell
 * leaves a definition that would boot from the media again; `recover` finds such definitions by the record in them and puts them right.
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
} from "@nano/contract";
import { Affect, type Connection, type Domain, DomainShutdown, DomainUndefine, LibvirtError } from "@nano/libvirt";
import type { BootMedia } from "../hypervisor.ts";
import { write } from "../xml/write.ts";
import { type Known, noAddresses } from "./addresses.ts";
import { applyLive, hasMemory } from "./apply.ts";
import { type DomainHost, domainXml } from "./domain-xml.ts";
import { orNone, translated } from "./failure.ts";
import { bareInstanceElement, bareRunElement, instanceKey, type Run, readRun, readSpec, runKey } from "./metadata.ts";
import { diskVolume, domainName, fetchedVolume, isSerialVolume, markerOf } from "./names.ts";
import { countSnapshots } from "./snapshots.ts";
import { type DiskTrouble, mapState } from "./state.ts";
import type { Storage } from "./storage.ts";

export interface InstancesOptions {
  readonly connection: Connection;
  readonly storage: Storage;
  readonly clock: Clock;
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

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  /** All domains that carry our record. Strangers on the same libvirt are not looked at. */
  list(): Promise<Observed[]> {
    return translated("listing instances", async () => {
      const domains = (await this.#options.connection.listAllDomains()).filter(({ name }) =>
        name.startsWith(domainName("")),
      );
      const observed = await Promise.all(domains.map((domain) => orNone(this.#observe(domain))));
      return observed.filter((each) => each !== undefined);
    });
  }

  find(id: InstanceId): Promise<Observed | undefined> {
    return translated(`looking at instance ${id}`, async () => {
      const domain = await this.#domain(id);
      return domain && (await orNone(this.#observe(domain)));
    });
  }

  define(spec: InstanceSpec): Promise<void> {
    return translated(`defining instance ${spec.id}`, async () => {
      const domain = await this.#options.connection.defineDomain(this.#xml(spec));
      await domain.setAutostart(spec.autostart);
    });
  }

  undefine(id: InstanceId): Promise<void> {
    return translated(`removing instance ${id}`, async () => {
      const domain = await this.#domain(id);
      if (domain) {
        await ignoring("OPERATION_INVALID", domain.destroy());
        await orNone(domain.undefine(undefineAll));
      }
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
      if ((await domain.getState()).state === "paused") await domain.resume();
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
          await domain.setMetadata(instanceKey, write(bareInstanceElement(record)), Affect.live);
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
        await domain.setMetadata(instanceKey, write(bareInstanceElement({ ...live, ...has })), Affect.live);
      })(),
    );
  }

  /** A run that goes on from a snapshot is a new one: nobody has pressed its power button. */
  async resumed(id: InstanceId): Promise<void> {
    const domain = await this.#domain(id);
    if (domain && (await domain.isActive()))
      await this.#changeRun(domain, ({ media }) => ({ startedAt: this.#now(), ...(media ? { media } : {}) }));
  }

  /** Puts right what a killed cell left in the middle of a start, and what began while nobody looked. Resolves to the instances there are. */
  async recover(): Promise<InstanceId[]> {
    const all = await this.list();
    for (const { id, spec, startedAt } of all) {
      // libvirt's automatic starts are over before it lets anyone connect: no event tells of them. Of one that is off nothing is noted.
      if (startedAt === undefined) await this.started(id);
      const domain = await this.#domain(id);
      if (domain && (await domain.getMetadata(runKey.uri, Affect.config)) !== undefined)
        await this.#options.connection.defineDomain(this.#xml(spec));
    }
    return all.map(({ id }) => id);
  }

  /** @throws NanoError `instance-not-found` */
  async known(id: InstanceId): Promise<Domain> {
    return (await this.#known(id)).domain;
  }

  /** The domain with the specification it is defined by. @throws NanoError `instance-not-found` */
  specified(id: InstanceId): Promise<{ domain: Domain; spec: InstanceSpec; host: DomainHost }> {
    return this.#known(id).then((known) => ({ ...known, host: this.#options.host() }));
  }

  async #known(id: InstanceId): Promise<{ domain: Domain; spec: InstanceSpec }> {
    const domain = await this.#domain(id);
    const spec = domain && readSpec(await definitionMetadata(domain));
    if (!spec)
      throw new NanoError("instance-not-found", `This cell has no instance ${id}`, { details: { instance: id } });
    return { domain, spec };
  }

  /** @throws NanoError `instance-not-found`, `wrong-state` */
  async #running(id: InstanceId): Promise<Domain> {
    const { domain } = await this.#known(id);
    if (await domain.isActive()) return domain;
    throw new NanoError("wrong-state", `Instance ${id} is not running`, {
      details: { state: "stopped", allowed: allowedActions("stopped") },
    });
  }

  #domain(id: InstanceId): Promise<Domain | undefined> {
    return orNone(this.#options.connection.domainByUuid(id));
  }

  async #observe(domain: Domain): Promise<Observed | undefined> {
    const [libvirtState, specText, runText, liveText, snapshots] = await Promise.all([
      domain.getState(),
      definitionMetadata(domain),
      domain.getMetadata(runKey.uri, Affect.current),
      domain.getMetadata(instanceKey.uri, Affect.current),
      countSnapshots(domain),
    ]);
    const spec = readSpec(specText);
    if (spec?.id !== domain.uuid) return undefined;
    const { id, epoch } = spec;
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

/** The record in the definition; of a running domain without one (someone undefined it outside Nano), that of the run. */
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
