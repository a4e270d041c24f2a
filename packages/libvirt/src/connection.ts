import type { CallOptions, RpcClient } from "./client.ts";
import { Domain } from "./domain.ts";
import type { DomainEventKind, DomainEvents } from "./event-kinds.ts";
import { DomainEventHub } from "./events.ts";
import type { KeepaliveOptions } from "./keepalive.ts";
import { type ConnectionState, Link, type ReconnectOptions, type StateListener } from "./link.ts";
import { Network } from "./network.ts";
import { type ArgsOf, type ParamValue, type ProcedureName, paramsToRecord, type ReturnOf } from "./protocol/index.ts";
import { StoragePool, Volume } from "./storage.ts";
import { openTcp, type TcpChannel } from "./transfer.ts";
import { unixDialer } from "./transport/socket.ts";
import { type SshOptions, sshDialer } from "./transport/ssh.ts";
import type { Dialer } from "./transport/transport.ts";

/** Milliseconds: the first such call after a start may probe every emulator binary. */
const PROBING = 120_000;

export interface ConnectOptions {
  /**
   * Which driver: `qemu:///system` (default), `test:///default`, … The authority part is not used: see `socket` and
   * `ssh`.
   */
  uri?: string;
  /** The daemon's unix socket on this machine. Default `/run/libvirt/libvirt-sock`. */
  socket?: string;
  /** The daemon is on another machine. `socket` is not used then. */
  ssh?: SshOptions;
  /** Deadline of calls that name none, in milliseconds. Default 30000. */
  callTimeout?: number;
  /** Deadline for making a connection, in milliseconds. Default 10000. */
  connectTimeout?: number;
  /** How a daemon that hangs is noticed. Default: asked after 5 s of silence, given up after 5 more such questions. */
  keepalive?: KeepaliveOptions;
  /** Pauses between attempts, or false. Default: 50 ms growing to 2 s. */
  reconnect?: ReconnectOptions | false;
  /** True: return at once and connect in the background, however long the daemon takes to appear. Default false. */
  background?: boolean;
  /** A number in [0, 1), for the jitter of the pauses. */
  random?: () => number;
}

/**
 * Connects to a libvirt daemon. Rejects when the first attempt fails (unless `background`); later losses are repaired
 * in the background.
 *
 * @example
 * ```ts
 * await using connection = await connect({ uri: "qemu:///system" });
 * for (const domain of await connection.listAllDomains()) {
 *   console.log(domain.name, (await domain.getState()).state);
 * }
 * ```
 */
export async function connect(options: ConnectOptions = {}): Promise<Connection> {
  const connection = new Connection(options);
  await connection.start();
  return connection;
}

/** A connection that survives restarts of the daemon. Made by {@link connect}. */
export class Connection {
  readonly #link: Link;
  readonly #events: DomainEventHub;
  readonly #background: boolean;
  readonly #dialer: Dialer;
  readonly #connectTimeout: number;

  constructor(options: ConnectOptions) {
    const { uri = "qemu:///system", socket, ssh, background = false, ...rest } = options;
    this.#background = background;
    this.#events = new DomainEventHub(() => this.#link);
    this.#connectTimeout = rest.connectTimeout ?? 10_000;
    this.#dialer = ssh ? sshDialer(ssh) : unixDialer(socket);
    this.#link = new Link(this.#dialer, { ...rest, uri }, (client: RpcClient) => this.#events.attach(client));
  }

  /** For {@link connect}. */
  async start(): Promise<void> {
    if (this.#background) this.#link.connectInBackground();
    else await this.#link.connectOnce();
  }

  // The connection itself

  get state(): ConnectionState {
    return this.#link.state;
  }

  /**
   * Tells every change of the connection's state. On "connected" after a loss, list again what you track: events of the
   * meantime are lost, those after it are not.
   */
  onState(listener: StateListener): () => void {
    return this.#link.onState(listener);
  }

  /** Resolves when connected; rejects with `DISCONNECTED` after `timeout` milliseconds. */
  ready(timeout = 30_000): Promise<void> {
    return this.#link.ready(timeout);
  }

  /** Ends it for good; calls under way reject with `CLOSED`. Idempotent. */
  close(): void {
    this.#link.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /**
   * A TCP connection from the daemon's machine, e.g. to the VNC server of a domain that listens on its loopback only.
   * Through the same SSH connection when the daemon is on another machine. It does not come back by itself.
   */
  openTcp(port: number, host = "127.0.0.1"): Promise<TcpChannel> {
    return openTcp(this.#dialer, host, port, this.#connectTimeout);
  }

  /** Any procedure of the table, by name, for what has no method. */
  call<N extends ProcedureName>(name: N, args: ArgsOf<N>, options?: CallOptions): Promise<ReturnOf<N>> {
    return this.#link.call(name, args, options);
  }

  /**
   * Listens to one kind of event of all domains, across reconnections. Resolves to a function that stops listening.
   *
   * @example
   * ```ts
   * const stop = await connection.onDomainEvent("lifecycle", ({ domain, event, detail }) => {
   *   console.log(domain.name, event, detail);
   * });
   * ```
   */
  onDomainEvent<K extends DomainEventKind>(kind: K, listener: (event: DomainEvents[K]) => void): Promise<() => void> {
    return this.#events.add(kind, listener);
  }

  // The machine and its libvirt

  /** The driver's name: `QEMU`, `Test`, … */
  async getType(options?: CallOptions): Promise<string> {
    return (await this.#link.call("connectGetType", {}, options)).type;
  }

  /** The hypervisor's version, e.g. "7.2.0". */
  async getVersion(options?: CallOptions): Promise<string> {
    return version((await this.#link.call("connectGetVersion", {}, { timeout: PROBING, ...options })).version);
  }

  /** The daemon's version, e.g. "9.0.0". */
  async getLibVersion(options?: CallOptions): Promise<string> {
    return version((await this.#link.call("connectGetLibVersion", {}, options)).version);
  }

  async getHostname(options?: CallOptions): Promise<string> {
    return (await this.#link.call("connectGetHostname", {}, options)).hostname;
  }

  async getUri(options?: CallOptions): Promise<string> {
    return (await this.#link.call("connectGetUri", {}, options)).uri;
  }

  /** XML about the machine and the kinds of guests it can run. */
  async getCapabilities(options?: CallOptions): Promise<string> {
    const { capabilities } = await this.#link.call("connectGetCapabilities", {}, { timeout: PROBING, ...options });
    return capabilities;
  }

  /** XML about what an emulator can do, e.g. for `{ virtType: "qemu", arch: "x86_64" }`. */
  async getDomainCapabilities(
    query: { emulator?: string; arch?: string; machine?: string; virtType?: string } = {},
    options?: CallOptions,
  ): Promise<string> {
    const { emulator = null, arch = null, machine = null, virtType = null } = query;
    const args = { emulator, arch, machine, virtType, flags: 0 };
    const { capabilities } = await this.#link.call("connectGetDomainCapabilities", args, {
      timeout: PROBING,
      ...options,
    });
    return capabilities;
  }

  /** `memory` in KiB; `cpus` counts logical ones. */
  nodeGetInfo(options?: CallOptions): Promise<ReturnOf<"nodeGetInfo">> {
    return this.#link.call("nodeGetInfo", {}, options);
  }

  /** Nanoseconds since the machine started, by `kernel`, `user`, `idle`, `iowait`; of one CPU, or of all (-1). */
  async nodeGetCPUStats(cpu = -1, options?: CallOptions): Promise<Readonly<Record<string, number>>> {
    const { nparams } = await this.#link.call("nodeGetCpuStats", { cpuNum: cpu, nparams: 0, flags: 0 }, options);
    const { params } = await this.#link.call("nodeGetCpuStats", { cpuNum: cpu, nparams, flags: 0 }, options);
    return Object.fromEntries(params.map(({ field, value }) => [field, value]));
  }

  /** KiB, by `total`, `free`, `buffers`, `cached`; of one NUMA cell, or of all (-1). */
  async nodeGetMemoryStats(cell = -1, options?: CallOptions): Promise<Readonly<Record<string, number>>> {
    const { nparams } = await this.#link.call("nodeGetMemoryStats", { cellNum: cell, nparams: 0, flags: 0 }, options);
    const { params } = await this.#link.call("nodeGetMemoryStats", { cellNum: cell, nparams, flags: 0 }, options);
    return Object.fromEntries(params.map(({ field, value }) => [field, value]));
  }

  // Domains

  /** `flags`: `ListDomains`, 0 for all. */
  async listAllDomains(flags = 0, options?: CallOptions): Promise<Domain[]> {
    const { domains } = await this.#link.call("connectListAllDomains", { needResults: 1, flags }, options);
    return domains.map((ref) => new Domain(this.#link, ref));
  }

  /** Rejects with `NO_DOMAIN` when there is none. */
  async domainByName(name: string, options?: CallOptions): Promise<Domain> {
    const { domain } = await this.#link.call("domainLookupByName", { name }, options);
    return new Domain(this.#link, domain);
  }

  /** Rejects with `NO_DOMAIN` when there is none. */
  async domainByUuid(uuid: string, options?: CallOptions): Promise<Domain> {
    const { domain } = await this.#link.call("domainLookupByUuid", { uuid }, options);
    return new Domain(this.#link, domain);
  }

  /** Stores a definition, or replaces the one with the same UUID and name. `flags`: `DomainDefine`. */
  async defineDomain(xml: string, flags = 0, options: CallOptions = {}): Promise<Domain> {
    const { domain } = await this.#link.call("domainDefineXmlFlags", { xml, flags }, { timeout: PROBING, ...options });
    return new Domain(this.#link, domain);
  }

  /** Starts a domain that has no definition and vanishes when it stops. `flags`: `DomainStart`. */
  async createDomain(xml: string, flags = 0, options: CallOptions = {}): Promise<Domain> {
    const { domain } = await this.#link.call("domainCreateXml", { xml, flags }, { timeout: PROBING, ...options });
    return new Domain(this.#link, domain);
  }

  /**
   * Statistics of many domains in one call. It asks each QEMU (some milliseconds each): for numbers, not for liveness.
   * `stats`: `DomainStats`, 0 for all; `flags`: `GetAllDomainStats`; `domains`: none means all.
   */
  async getAllDomainStats(
    stats = 0,
    flags = 0,
    domains: readonly Domain[] = [],
    options?: CallOptions,
  ): Promise<{ domain: Domain; stats: Readonly<Record<string, ParamValue>> }[]> {
    const args = { domains: domains.map(({ ref }) => ref), stats, flags };
    const { records } = await this.#link.call("connectGetAllDomainStats", args, options);
    return records.map(({ domain, params }) => ({
      domain: new Domain(this.#link, domain),
      stats: paramsToRecord(params),
    }));
  }

  // Storage

  /** `flags`: `ListPools`, 0 for all. */
  async listAllStoragePools(flags = 0, options?: CallOptions): Promise<StoragePool[]> {
    const { pools } = await this.#link.call("connectListAllStoragePools", { needResults: 1, flags }, options);
    return pools.map((ref) => new StoragePool(this.#link, ref));
  }

  /** Rejects with `NO_STORAGE_POOL` when there is none. */
  async poolByName(name: string, options?: CallOptions): Promise<StoragePool> {
    const { pool } = await this.#link.call("storagePoolLookupByName", { name }, options);
    return new StoragePool(this.#link, pool);
  }

  /** Rejects with `NO_STORAGE_POOL` when there is none. */
  async poolByUuid(uuid: string, options?: CallOptions): Promise<StoragePool> {
    const { pool } = await this.#link.call("storagePoolLookupByUuid", { uuid }, options);
    return new StoragePool(this.#link, pool);
  }

  /** The pool whose directory (or group, …) is `path`. */
  async poolByTargetPath(path: string, options?: CallOptions): Promise<StoragePool> {
    const { pool } = await this.#link.call("storagePoolLookupByTargetPath", { path }, options);
    return new StoragePool(this.#link, pool);
  }

  async definePool(xml: string, options?: CallOptions): Promise<StoragePool> {
    const { pool } = await this.#link.call("storagePoolDefineXml", { xml, flags: 0 }, options);
    return new StoragePool(this.#link, pool);
  }

  /** The volume at `path`, of an active pool. Rejects with `NO_STORAGE_VOL`. */
  async volumeByPath(path: string, options?: CallOptions): Promise<Volume> {
    const { volume } = await this.#link.call("storageVolLookupByPath", { path }, options);
    return new Volume(this.#link, volume);
  }

  // Networks

  /** `flags`: `ListNetworks`, 0 for all. */
  async listAllNetworks(flags = 0, options?: CallOptions): Promise<Network[]> {
    const { networks } = await this.#link.call("connectListAllNetworks", { needResults: 1, flags }, options);
    return networks.map((ref) => new Network(this.#link, ref));
  }

  /** Rejects with `NO_NETWORK` when there is none. */
  async networkByName(name: string, options?: CallOptions): Promise<Network> {
    const { network } = await this.#link.call("networkLookupByName", { name }, options);
    return new Network(this.#link, network);
  }

  async defineNetwork(xml: string, options?: CallOptions): Promise<Network> {
    const { network } = await this.#link.call("networkDefineXml", { xml }, options);
    return new Network(this.#link, network);
  }
}

/** libvirt's `major * 1,000,000 + minor * 1,000 + release`. */
function version(number: number): string {
  return `${Math.floor(number / 1_000_000)}.${Math.floor(number / 1_000) % 1_000}.${number % 1_000}`;
}
