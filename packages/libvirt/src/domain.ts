import type { CallOptions } from "./client.ts";
import { LibvirtError } from "./errors.ts";
import { DomainMetadata, DomainXml, InterfaceAddressSource, KeycodeSet } from "./flags.ts";
import type { Link } from "./link.ts";
import { type DomainRef, type ParamValue, paramsToRecord, type TypedParam } from "./protocol/index.ts";
import { DomainSnapshot } from "./snapshot.ts";
import {
  DOMAIN_STATE_REASONS,
  DOMAIN_STATES,
  type DomainState,
  IP_TYPES,
  JOB_TYPES,
  type JobType,
  MEMORY_STATS,
  type MemoryStat,
  wordFor,
} from "./states.ts";
import { type Console, openConsole, receive } from "./transfer.ts";

/** Milliseconds for calls that wait for a process to start or end, or for the guest agent. */
const SLOW = 120_000;
const SCREENSHOT_MAX = 64 * 1024 * 1024;

/** Names a `<metadata>` element of one's own: its namespace, and the prefix libvirt writes it with. */
export interface MetadataKey {
  uri: string;
  prefix: string;
}

/** `stats` as libvirt names them: `disk_total`, `disk_processed` in bytes, and more by the kind of job. */
export interface JobStats {
  type: JobType;
  stats: Record<string, ParamValue>;
}

/**
 * One virtual machine, running or only defined. A handle, not a copy: nothing is remembered but its name and UUID, and
 * every method asks the daemon. It stays usable across reconnections. Every method rejects with `LibvirtError`;
 * `NO_DOMAIN` when it is gone.
 */
export class Domain {
  readonly #link: Link;
  readonly ref: DomainRef;

  /** Use `connection.domainByName` and the like. */
  constructor(link: Link, ref: DomainRef) {
    this.#link = link;
    this.ref = ref;
  }

  get name(): string {
    return this.ref.name;
  }

  get uuid(): string {
    return this.ref.uuid;
  }

  /** The running domain's number when this handle was made; undefined if it did not run then. */
  get id(): number | undefined {
    return this.ref.id < 0 ? undefined : this.ref.id;
  }

  // Power

  /** Starts a defined domain. `flags`: `DomainStart`. */
  async create(flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("domainCreateWithFlags", { domain: this.ref, flags }, { timeout: SLOW, ...options });
  }

  /** Asks the operating system inside to shut down; resolves when it has been asked. `flags`: `DomainShutdown`. */
  async shutdown(flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("domainShutdownFlags", { domain: this.ref, flags }, { timeout: SLOW, ...options });
  }

  /** Asks the operating system inside to restart. `flags`: `DomainReboot`. */
  async reboot(flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("domainReboot", { domain: this.ref, flags }, { timeout: SLOW, ...options });
  }

  /** The reset button: nothing inside is asked. */
  async reset(options?: CallOptions): Promise<void> {
    await this.#link.call("domainReset", { domain: this.ref, flags: 0 }, options);
  }

  /** Ends it at once, like pulling the plug. The definition stays. `flags`: `DomainDestroy`. */
  async destroy(flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("domainDestroyFlags", { domain: this.ref, flags }, { timeout: SLOW, ...options });
  }

  async suspend(options?: CallOptions): Promise<void> {
    await this.#link.call("domainSuspend", { domain: this.ref }, options);
  }

  async resume(options?: CallOptions): Promise<void> {
    await this.#link.call("domainResume", { domain: this.ref }, options);
  }

  /** Removes the definition; a running domain goes on without one. `flags`: `DomainUndefine`. */
  async undefine(flags = 0, options?: CallOptions): Promise<void> {
    await this.#link.call("domainUndefineFlags", { domain: this.ref, flags }, options);
  }

  // What it is

  async getState(options?: CallOptions): Promise<{ state: DomainState; reason: string }> {
    const wire = await this.#link.call("domainGetState", { domain: this.ref, flags: 0 }, options);
    const state = wordFor(DOMAIN_STATES, wire.state);
    return { state, reason: DOMAIN_STATE_REASONS[state][wire.reason] ?? `unknown-${wire.reason}` };
  }

  /** Memory in KiB, `cpuTime` in nanoseconds of processor time used since it started. */
  async getInfo(
    options?: CallOptions,
  ): Promise<{ state: DomainState; maxMemory: number; memory: number; vcpus: number; cpuTime: number }> {
    const wire = await this.#link.call("domainGetInfo", { domain: this.ref }, options);
    return { ...wire, state: wordFor(DOMAIN_STATES, wire.state) };
  }

  async isActive(options?: CallOptions): Promise<boolean> {
    return (await this.#link.call("domainIsActive", { domain: this.ref }, options)).active;
  }

  /** Whether it has a definition that outlives its process. */
  async isPersistent(options?: CallOptions): Promise<boolean> {
    return (await this.#link.call("domainIsPersistent", { domain: this.ref }, options)).persistent;
  }

  /** `flags`: `DomainXml`. Without `DomainXml.secure` passwords are left out. */
  async getXMLDesc(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.#link.call("domainGetXmlDesc", { domain: this.ref, flags }, options)).xml;
  }

  /** The definition of the next start, with its secrets: what to change and define again. */
  getDefinition(options?: CallOptions): Promise<string> {
    return this.getXMLDesc(DomainXml.inactive | DomainXml.secure, options);
  }

  async getAutostart(options?: CallOptions): Promise<boolean> {
    return (await this.#link.call("domainGetAutostart", { domain: this.ref }, options)).autostart;
  }

  async setAutostart(autostart: boolean, options?: CallOptions): Promise<void> {
    await this.#link.call("domainSetAutostart", { domain: this.ref, autostart }, options);
  }

  /**
   * Replaces one's own element within `<metadata>`; null removes it. `xml` is the element without its namespace:
   * libvirt adds it. `flags`: `Affect`.
   */
  async setMetadata(key: MetadataKey, xml: string | null, flags = 0, options?: CallOptions): Promise<void> {
    await this.#link.call(
      "domainSetMetadata",
      { domain: this.ref, type: DomainMetadata.element, metadata: xml, key: key.prefix, uri: key.uri, flags },
      options,
    );
  }

  /** One's own element within `<metadata>`, or undefined when there is none. */
  async getMetadata(uri: string, flags = 0, options?: CallOptions): Promise<string | undefined> {
    try {
      const type = DomainMetadata.element;
      return (await this.#link.call("domainGetMetadata", { domain: this.ref, type, uri, flags }, options)).metadata;
    } catch (error) {
      if (LibvirtError.is(error, "NO_DOMAIN_METADATA")) return undefined;
      throw error;
    }
  }

  /** `<description>` or `<title>`; null removes it. */
  async setText(which: "description" | "title", text: string | null, flags = 0, options?: CallOptions): Promise<void> {
    const args = { domain: this.ref, type: DomainMetadata[which], metadata: text, key: null, uri: null, flags };
    await this.#link.call("domainSetMetadata", args, options);
  }

  // Devices and resources

  /** `flags`: `DomainDeviceModify`. */
  async attachDevice(xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#link.call("domainAttachDeviceFlags", { domain: this.ref, xml, flags }, options);
  }

  /** Live, it only asks: the `deviceRemoved` event says when it has happened. `flags`: `DomainDeviceModify`. */
  async detachDevice(xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#link.call("domainDetachDeviceFlags", { domain: this.ref, xml, flags }, options);
  }

  /** Changes a device in place, e.g. the medium in a drive. `flags`: `DomainDeviceModify`. */
  async updateDevice(xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#link.call("domainUpdateDeviceFlags", { domain: this.ref, xml, flags }, options);
  }

  /** `flags`: `DomainVcpu`. */
  async setVcpus(vcpus: number, flags = 0, options?: CallOptions): Promise<void> {
    await this.#link.call("domainSetVcpusFlags", { domain: this.ref, vcpus, flags }, options);
  }

  /** `memory` in KiB. `flags`: `DomainMemory`. */
  async setMemory(memory: number, flags = 0, options?: CallOptions): Promise<void> {
    await this.#link.call("domainSetMemoryFlags", { domain: this.ref, memory, flags }, options);
  }

  /** How often, in seconds, the balloon device asks the system inside about its memory; 0 stops it. */
  async setMemoryStatsPeriod(period: number, flags = 0, options?: CallOptions): Promise<void> {
    await this.#link.call("domainSetMemoryStatsPeriod", { domain: this.ref, period, flags }, options);
  }

  /** CPU shares, quotas and the like (`cpu_shares`, `vcpu_quota`, …). `flags`: `Affect`. */
  async setSchedulerParameters(params: readonly TypedParam[], flags = 0, options?: CallOptions): Promise<void> {
    await this.#link.call("domainSetSchedulerParametersFlags", { domain: this.ref, params, flags }, options);
  }

  /**
   * Limits of a disk (`total_bytes_sec`, `read_iops_sec`, …; 0 is none). `disk` is its target or path. `flags`:
   * `Affect`.
   */
  async setBlockIoTune(disk: string, params: readonly TypedParam[], flags = 0, options?: CallOptions): Promise<void> {
    await this.#link.call("domainSetBlockIoTune", { domain: this.ref, disk, params, flags }, options);
  }

  /**
   * Limits of a network card (`inbound.average`, `outbound.peak`, … in KiB per second; 0 is none). `device` is its MAC
   * address or the host's name of it. `flags`: `Affect`.
   */
  async setInterfaceParameters(
    device: string,
    params: readonly TypedParam[],
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    await this.#link.call("domainSetInterfaceParameters", { domain: this.ref, device, params, flags }, options);
  }

  /** Grows a disk of a running domain. `size` in bytes. `disk` is its target (`vda`) or path. */
  async blockResize(disk: string, size: number, options: CallOptions = {}): Promise<void> {
    const flags = 1; // VIR_DOMAIN_BLOCK_RESIZE_BYTES
    await this.#link.call("domainBlockResize", { domain: this.ref, disk, size, flags }, { timeout: SLOW, ...options });
  }

  /** Bytes: what it may hold, what it takes on its file system, and the end of what has been written. */
  getBlockInfo(
    disk: string,
    options?: CallOptions,
  ): Promise<{ capacity: number; allocation: number; physical: number }> {
    return this.#link.call("domainGetBlockInfo", { domain: this.ref, path: disk, flags: 0 }, options);
  }

  // Snapshots

  /**
   * Takes a snapshot of `<domainsnapshot>` XML: of the disks alone while it is off, of disks and memory while it runs.
   * It stands still meanwhile, and libvirt does nothing else with it. Rejects with `OPERATION_FAILED` when there is one
   * of that name. `flags`: `SnapshotCreate`.
   */
  async createSnapshot(xml: string, flags = 0, options: CallOptions = {}): Promise<DomainSnapshot> {
    const args = { domain: this.ref, xml, flags };
    const { snapshot } = await this.#link.call("domainSnapshotCreateXml", args, { timeout: SLOW, ...options });
    return new DomainSnapshot(this.#link, snapshot);
  }

  async listSnapshots(options?: CallOptions): Promise<DomainSnapshot[]> {
    const args = { domain: this.ref, needResults: 1, flags: 0 };
    const { snapshots } = await this.#link.call("domainListAllSnapshots", args, options);
    return snapshots.map((ref) => new DomainSnapshot(this.#link, ref));
  }

  /** Rejects with `NO_DOMAIN_SNAPSHOT` when there is none. */
  async snapshotByName(name: string, options?: CallOptions): Promise<DomainSnapshot> {
    const args = { domain: this.ref, name, flags: 0 };
    return new DomainSnapshot(
      this.#link,
      (await this.#link.call("domainSnapshotLookupByName", args, options)).snapshot,
    );
  }

  /** The one it went back to last, or the newest since. Rejects with `NO_DOMAIN_SNAPSHOT` when there is none. */
  async currentSnapshot(options?: CallOptions): Promise<DomainSnapshot> {
    const args = { domain: this.ref, flags: 0 };
    return new DomainSnapshot(this.#link, (await this.#link.call("domainSnapshotCurrent", args, options)).snapshot);
  }

  /**
   * A command in QEMU's own protocol (QMP), and its answer as JSON text. It goes past libvirt, which does not learn
   * what was done: only for what libvirt has no call for.
   */
  async monitorCommand(command: object, options?: CallOptions): Promise<string> {
    const args = { domain: this.ref, command: JSON.stringify(command), flags: 0 };
    return (await this.#link.call("qemuMonitorCommand", args, options)).result;
  }

  // Inside

  /** What the balloon device knows: see `MEMORY_STATS` for units. */
  async memoryStats(options?: CallOptions): Promise<Partial<Record<MemoryStat, number>>> {
    const { stats } = await this.#link.call(
      "domainMemoryStats",
      { domain: this.ref, maxStats: MEMORY_STATS.length, flags: 0 },
      options,
    );
    const result: Partial<Record<MemoryStat, number>> = {};
    for (const { tag, value } of stats) {
      const name = MEMORY_STATS[tag];
      if (name) result[name] = value;
    }
    return result;
  }

  /** Where its interfaces are reachable. `source`: `InterfaceAddressSource`; asking the agent needs one inside. */
  async interfaceAddresses(source: number = InterfaceAddressSource.lease, options?: CallOptions) {
    const { interfaces } = await this.#link.call(
      "domainInterfaceAddresses",
      { domain: this.ref, source, flags: 0 },
      options,
    );
    return interfaces.map(({ name, mac, addresses }) => ({
      name,
      mac,
      addresses: addresses.map(({ type, address, prefix }) => ({ type: wordFor(IP_TYPES, type), address, prefix })),
    }));
  }

  /**
   * Has the guest agent write back and freeze the file systems inside, so that a copy of its disks is a clean one.
   * @returns how many were frozen
   */
  async freezeFileSystems(options: CallOptions = {}): Promise<number> {
    const args = { domain: this.ref, mountPoints: [], flags: 0 };
    return (await this.#link.call("domainFsFreeze", args, { timeout: SLOW, ...options })).filesystems;
  }

  /** Lets the guest write again. @returns how many file systems were thawed */
  async thawFileSystems(options: CallOptions = {}): Promise<number> {
    const args = { domain: this.ref, mountPoints: [], flags: 0 };
    return (await this.#link.call("domainFsThaw", args, { timeout: SLOW, ...options })).filesystems;
  }

  /**
   * Begins to copy disks of the running domain, as they are at this moment (`<domainbackup mode='push'>`), and answers
   * when it has begun.
   */
  async beginBackup(xml: string, options: CallOptions = {}): Promise<void> {
    const args = { domain: this.ref, xml, checkpointXml: null, flags: 0 };
    await this.#link.call("domainBackupBegin", args, { timeout: SLOW, ...options });
  }

  /** What the running backup was asked for. @throws LibvirtError `NO_DOMAIN_BACKUP` when there is none */
  async getBackupXMLDesc(options?: CallOptions): Promise<string> {
    return (await this.#link.call("domainBackupGetXmlDesc", { domain: this.ref, flags: 0 }, options)).xml;
  }

  /** How far the running job is; `completed`: how the last one ended, told once. */
  async getJobStats(completed = false, options?: CallOptions): Promise<JobStats> {
    const args = { domain: this.ref, flags: completed ? 1 : 0 };
    const { type, params } = await this.#link.call("domainGetJobStats", args, options);
    return { type: wordFor(JOB_TYPES, type), stats: paramsToRecord(params) };
  }

  /** Ends the running job (a backup, a migration); resolves when it has been told to. */
  async abortJob(options: CallOptions = {}): Promise<void> {
    await this.#link.call("domainAbortJob", { domain: this.ref }, { timeout: SLOW, ...options });
  }

  /** Through the guest agent. `encrypted` means that `password` is a crypt(3) hash already. */
  async setUserPassword(user: string, password: string, encrypted = false, options: CallOptions = {}): Promise<void> {
    const args = { domain: this.ref, user, password, flags: encrypted ? 1 : 0 };
    await this.#link.call("domainSetUserPassword", args, { timeout: SLOW, ...options });
  }

  /**
   * A command for the guest agent, and its answer: JSON text that somebody inside wrote, so treat it as hostile.
   * `agentTimeout` in seconds: how long libvirt waits for the agent.
   */
  async agentCommand(command: string, agentTimeout = 5, options: CallOptions = {}): Promise<string> {
    const { result } = await this.#link.call(
      "qemuAgentCommand",
      { domain: this.ref, command, timeout: agentTimeout, flags: 0 },
      { timeout: agentTimeout * 1000 + 10_000, ...options },
    );
    return result ?? "";
  }

  /** Presses keys together for `holdTime` milliseconds. `codeset`: `KeycodeSet`. At most 16 keys. */
  async sendKey(
    keycodes: readonly number[],
    codeset: number = KeycodeSet.linux,
    holdTime = 50,
    options?: CallOptions,
  ): Promise<void> {
    await this.#link.call("domainSendKey", { domain: this.ref, codeset, holdTime, keycodes, flags: 0 }, options);
  }

  /** A picture of a screen (QEMU: PNG since 7.1, PPM before). */
  async screenshot(screen = 0, options?: CallOptions): Promise<{ mime: string; bytes: Uint8Array }> {
    const { result, body } = await receive(
      this.#link,
      "domainScreenshot",
      { domain: this.ref, screen, flags: 0 },
      options,
    );
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of body) {
      size += chunk.length;
      if (size > SCREENSHOT_MAX) {
        throw new LibvirtError("PROTOCOL", `a screenshot over ${SCREENSHOT_MAX} bytes`, {
          operation: "domainScreenshot",
        });
      }
      chunks.push(chunk);
    }
    return { mime: result.mime ?? "application/octet-stream", bytes: Buffer.concat(chunks, size) };
  }

  /** Opens a serial console. `device` is an alias (`serial0`); without one the first. `flags`: `DomainConsole`. */
  openConsole(device: string | null = null, flags = 0, options?: CallOptions): Promise<Console> {
    return openConsole(this.#link, "domainOpenConsole", { domain: this.ref, device, flags }, options);
  }

  /** Statistics of this one domain. `stats`: `DomainStats`, 0 for all. */
  async getStats(stats = 0, flags = 0, options?: CallOptions): Promise<Readonly<Record<string, ParamValue>>> {
    const { records } = await this.#link.call(
      "connectGetAllDomainStats",
      { domains: [this.ref], stats, flags },
      options,
    );
    return paramsToRecord(records[0]?.params ?? []);
  }
}
