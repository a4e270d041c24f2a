/**
 * IP addresses instances have. Its guest agent is asked first: it knows all of them. Without one the host is: libvirt's
 * network knows what it has given out, and the host's table of neighbours whom it has seen on the bridge.
 *
 * All of it is hearsay: an agent is a stranger, and so is whoever answers for an address on a network. So it is
 * checked, bounded and never waited for.
 */
import { isIP } from "node:net";
import { fits, type InstanceId, InstanceIdSchema, limits, Nic, parseObject, Type } from "@nano/contract";
import { type Connection, type Domain, InterfaceAddressSource, ListDomains } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { childrenOf, type Element, find } from "../xml/tree.ts";
import { orNone } from "./failure.ts";
import { neighboursOn } from "./neighbours.ts";

/** Of an answer: characters, interfaces, and addresses in all. A host of many containers has a few hundred. */
const answerMax = 1_048_576;
const interfacesMax = 1_024;
const addressesMax = 4_096;
/** An IPv6 address that ends like an IPv4 one (RFC 4291, 2.2). */
const addressMax = 45;
/** Samples between two questions to one agent: about 10 s. */
const every = 5;
const timeoutSeconds = 2;
const patience = { timeout: timeoutSeconds * 1_000 };

/**
 * The agent's command is sent as such, not as libvirt's own call for it: that one waits without end for an agent that
 * greets and then falls silent, and keeps one of the threads that libvirt answers everybody with.
 */
const agentQuestion = JSON.stringify({ execute: "guest-network-get-interfaces" });
/** Of the answer, as much as is read. */
const AgentAnswer = Type.Object({ return: Type.Array(Type.Unknown()) });
const AgentInterface = Type.Object({
  "hardware-address": Type.Optional(Type.Unknown()),
  "ip-addresses": Type.Optional(Type.Array(Type.Unknown())),
});
const AgentAddress = Type.Object({ "ip-address": Type.String({ maxLength: addressMax }) });

/**
 * Which of the host's tables know instances: that of libvirt's network, that of its neighbours, on this machine or on
 * libvirt's, or none.
 */
export type HostTable = "leases" | { readonly neighboursOn: string; readonly local: boolean } | "none";

/**
 * Neither loopback nor link-local, multicast, broadcast or nobody's; without a zone, which means something on its own
 * host only.
 */
const useless = /^(0\.|127\.|169\.254\.|22[4-9]\.|23\d\.|255\.|::$|::1$|::ffff:|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:)|%/i;

/** Addresses others could use, in the order they were told, each once, as many as are shown. */
export const usefulAddresses = (told: readonly string[]): string[] => {
  const useful = new Set<string>();
  for (const address of told.slice(0, addressesMax)) {
    if (useful.size === limits.addresses) break;
    if (address.length <= addressMax && isIP(address) !== 0 && !useless.test(address)) useful.add(address);
  }
  return [...useful];
};

/** What was told of one interface; not everyone knows its hardware address. */
export interface Told {
  readonly mac: string | null;
  readonly addresses: readonly { readonly address: string }[];
}

/**
 * As much as is read of an answer: interfaces and addresses of other shapes are passed over, and so is what comes after
 * the first thousands.
 * @throws NanoError when it is no answer at all
 */
export const toldByAgent = (answer: string): Told[] => {
  if (answer.length > answerMax) return [];
  const value = parseObject(answer, "Reading what an agent says");
  if (!fits(AgentAnswer, value)) return [];
  let left = addressesMax;
  return value.return.slice(0, interfacesMax).flatMap((each) => {
    if (!fits(AgentInterface, each)) return [];
    const { "hardware-address": mac, "ip-addresses": all = [] } = each;
    const addresses = all
      .slice(0, left)
      .flatMap((one) => (fits(AgentAddress, one) ? [{ address: one["ip-address"] }] : []));
    if (all.length > 0 && addresses.length === 0) return [];
    left -= Math.min(left, all.length);
    return [{ mac: macOf(mac), addresses }];
  });
};

/** As records have it; null of what is none. */
const macOf = (told: unknown): string | null => {
  const mac = typeof told === "string" && told.length <= 17 ? told.toLowerCase() : null;
  return fits(Nic.properties.mac, mac) ? mac : null;
};

export interface Known {
  readonly all: readonly string[];
  /** Each of them with one interface at most. */
  readonly byMac: ReadonlyMap<string, readonly string[]>;
}
export const noAddresses: Known = { all: [], byMac: new Map() };

export const knownFrom = (told: readonly Told[]): Known => {
  const all = usefulAddresses(told.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
  const useful = new Set(all);
  /** The interface each was told of first. */
  const macs = new Map<string, string | null>();
  for (const { mac, addresses } of told)
    for (const { address } of addresses) if (useful.has(address) && !macs.has(address)) macs.set(address, macOf(mac));
  const byMac = new Map<string, string[]>();
  for (const address of all) {
    const mac = macs.get(address);
    if (mac) byMac.set(mac, [...(byMac.get(mac) ?? []), address]);
  }
  return { all, byMac };
};

/** Devices that a domain has now; none when it is gone. */
const devicesOf = async (domain: Domain, kind: string): Promise<Element[]> => {
  const xml = await orNone(domain.getXMLDesc());
  const devices = xml === undefined ? undefined : find(readXml(xml), "devices");
  return devices ? childrenOf(devices, kind) : [];
};

export class AddressBook {
  readonly #connection: Connection;
  readonly #table: () => HostTable;
  readonly #changed: (id: InstanceId) => void;
  readonly #isOwn: (uuid: string) => boolean;
  readonly #agents = new Set<InstanceId>();
  readonly #known = new Map<InstanceId, Known>();
  #round = 0;

  /**
   * @param isOwn whether the domain with this UUID is an instance of ours: nobody else's guest is asked anything
   * @param changed told when an instance's addresses are others than before
   */
  constructor(
    connection: Connection,
    isOwn: (uuid: string) => boolean,
    table: () => HostTable,
    changed: (id: InstanceId) => void,
  ) {
    this.#isOwn = isOwn;
    this.#connection = connection;
    this.#table = table;
    this.#changed = changed;
  }

  of(id: InstanceId): Known {
    return this.#known.get(id) ?? noAddresses;
  }

  /** Whether an agent is connected. */
  hasAgent(id: InstanceId): boolean {
    return this.#agents.has(id);
  }

  agent(id: InstanceId, connected: boolean): void {
    if (connected) this.#agents.add(id);
    else this.#agents.delete(id);
  }

  forget(id: InstanceId): void {
    this.#agents.delete(id);
    this.#known.delete(id);
  }

  /** Finds out who has an agent, after a time without events. */
  async lookAgain(ids: readonly InstanceId[]): Promise<void> {
    for (const id of ids) {
      const domain = await orNone(this.#connection.domainByUuid(id));
      const channels = domain ? await devicesOf(domain, "channel") : [];
      this.agent(
        id,
        channels.some((channel) => find(channel, "target")?.attributes.state === "connected"),
      );
    }
  }

  /** To be called about every two seconds. */
  async sample(): Promise<void> {
    if (this.#round++ % every !== 0) return;
    const running = await this.#connection.listAllDomains(ListDomains.active);
    const fromHost = await this.#hostTable();
    await Promise.all(
      running.map(async (domain) => {
        const id = domain.uuid;
        if (this.#isOwn(id) && fits(InstanceIdSchema, id)) this.#note(id, await this.#ask(id, domain, fromHost));
      }),
    );
  }

  #note(id: InstanceId, known: Known): void {
    const before = this.of(id);
    if (known.all.length === 0) this.#known.delete(id);
    else this.#known.set(id, known);
    if (!Bun.deepEquals(before, known)) this.#changed(id);
  }

  /** How to ask the host about one instance. */
  async #hostTable(): Promise<(domain: Domain) => Promise<Known>> {
    const table = this.#table();
    if (table === "none") return async () => noAddresses;
    if (table === "leases") return (domain) => this.#fromHost(domain, InterfaceAddressSource.lease);
    if (!table.local) return (domain) => this.#fromHost(domain, InterfaceAddressSource.arp);
    const neighbours = await neighboursOn(table.neighboursOn).catch(() => new Map<string, readonly string[]>());
    return async (domain) => {
      if (neighbours.size === 0) return noAddresses;
      const met = (mac: string) => (neighbours.get(mac) ?? []).map((address) => ({ address }));
      const macs = (await devicesOf(domain, "interface")).map((each) => find(each, "mac")?.attributes.address ?? "");
      return knownFrom(macs.map((mac) => ({ mac, addresses: met(mac.toLowerCase()) })));
    };
  }

  async #ask(id: InstanceId, domain: Domain, fromHost: (domain: Domain) => Promise<Known>): Promise<Known> {
    const told = this.#agents.has(id) ? await this.#fromAgent(domain) : noAddresses;
    return told.all.length > 0 ? told : fromHost(domain);
  }

  #fromAgent(domain: Domain): Promise<Known> {
    return this.#heard(async () => toldByAgent(await domain.agentCommand(agentQuestion, timeoutSeconds, patience)));
  }

  #fromHost(domain: Domain, source: number): Promise<Known> {
    return this.#heard(() => domain.interfaceAddresses(source, patience));
  }

  async #heard(ask: () => Promise<readonly Told[]>): Promise<Known> {
    try {
      return knownFrom(await ask());
    } catch {
      // Who is silent, or lies in a way libvirt notices, has told nothing.
      return noAddresses;
    }
  }
}
