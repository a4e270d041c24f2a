import type { CallOptions } from "./client.ts";
import type { Link } from "./link.ts";
import type { NetworkRef } from "./protocol/index.ts";
import { IP_TYPES, wordFor } from "./states.ts";

/** A virtual network of libvirt's own (a bridge, with NAT and DHCP if it says so). A handle, like `Domain`. */
export class Network {
  readonly #link: Link;
  readonly ref: NetworkRef;

  constructor(link: Link, ref: NetworkRef) {
    this.#link = link;
    this.ref = ref;
  }

  get name(): string {
    return this.ref.name;
  }

  get uuid(): string {
    return this.ref.uuid;
  }

  /** Starts it. */
  async create(options?: CallOptions): Promise<void> {
    await this.#link.call("networkCreate", { network: this.ref }, options);
  }

  /** Stops it. */
  async destroy(options?: CallOptions): Promise<void> {
    await this.#link.call("networkDestroy", { network: this.ref }, options);
  }

  async undefine(options?: CallOptions): Promise<void> {
    await this.#link.call("networkUndefine", { network: this.ref }, options);
  }

  async isActive(options?: CallOptions): Promise<boolean> {
    return (await this.#link.call("networkIsActive", { network: this.ref }, options)).active;
  }

  async getAutostart(options?: CallOptions): Promise<boolean> {
    return (await this.#link.call("networkGetAutostart", { network: this.ref }, options)).autostart;
  }

  async setAutostart(autostart: boolean, options?: CallOptions): Promise<void> {
    await this.#link.call("networkSetAutostart", { network: this.ref, autostart }, options);
  }

  async getXMLDesc(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.#link.call("networkGetXmlDesc", { network: this.ref, flags }, options)).xml;
  }

  async getBridgeName(options?: CallOptions): Promise<string> {
    return (await this.#link.call("networkGetBridgeName", { network: this.ref }, options)).bridge;
  }

  /** The addresses its DHCP server has given out, of one MAC address or of all. */
  async getDhcpLeases(mac: string | null = null, options?: CallOptions) {
    const args = { network: this.ref, mac, needResults: 1, flags: 0 };
    const { leases } = await this.#link.call("networkGetDhcpLeases", args, options);
    return leases.map((lease) => ({ ...lease, type: wordFor(IP_TYPES, lease.type) }));
  }
}
