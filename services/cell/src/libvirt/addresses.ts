/** IP addresses instances have, as their guest agents say: hearsay of a stranger, so checked, bounded and never waited for. */
import { isIP } from "node:net";
import type { InstanceId } from "@nano/contract";
import { type Connection, InterfaceAddressSource } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { childrenOf, find } from "../xml/tree.ts";
import { orNone } from "./failure.ts";

/** More than an honest instance has. */
const addressesMax = 16;
/** Samples between two questions to one agent: about 10 s. */
const every = 5;
const agentTimeoutMs = 2_000;

/** Addresses others could use: neither loopback nor link-local. */
const isUseful = (address: string): boolean => isIP(address) !== 0 && !/^(127\.|169\.254\.|::1$|fe80:)/i.test(address);

export class AddressBook {
  readonly #connection: Connection;
  readonly #agents = new Set<InstanceId>();
  readonly #known = new Map<InstanceId, readonly string[]>();
  #round = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  of(id: InstanceId): readonly string[] {
    return this.#known.get(id) ?? [];
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
      const xml = domain && (await orNone(domain.getXMLDesc()));
      const devices = xml === undefined ? undefined : find(readXml(xml), "devices");
      const channels = devices ? childrenOf(devices, "channel") : [];
      this.agent(
        id,
        channels.some((channel) => find(channel, "target")?.attributes.state === "connected"),
      );
    }
  }

  /** To be called about every two seconds. */
  async sample(): Promise<void> {
    if (this.#round++ % every !== 0) return;
    await Promise.all([...this.#agents].map((id) => this.#ask(id)));
  }

  async #ask(id: InstanceId): Promise<void> {
    try {
      const domain = await orNone(this.#connection.domainByUuid(id));
      if (!domain) return this.forget(id);
      const interfaces = await domain.interfaceAddresses(InterfaceAddressSource.agent, { timeout: agentTimeoutMs });
      const all = interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address));
      this.#known.set(id, [...new Set(all.filter(isUseful))].slice(0, addressesMax));
    } catch {
      // An agent that is silent, or lies in a way libvirt notices, has told nothing.
      this.#known.delete(id);
    }
  }
}
