/**
 * Network interfaces given to a running guest and taken from it, until it has those of its definition. Found by their
 * hardware addresses: no two of an instance have the same.
 */
import { type InstanceId, NanoError, type Nic, nicsOf } from "@nano/contract";
import { Affect, type Domain, LibvirtError } from "@nano/libvirt";
import { Turns } from "../instances/turns.ts";
import { readXml } from "../xml/read.ts";
import { childrenOf, type Element, find } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { nicElement } from "./domain-xml.ts";
import { translated } from "./failure.ts";
import type { Instances } from "./instances.ts";
import { requireNoMemorySnapshots } from "./snapshots.ts";
import { unplug } from "./unplug.ts";

export class NicChanges {
  readonly #instances: Pick<Instances, "known" | "specified" | "liveSpec" | "recordLive">;
  readonly #turns = new Turns();

  constructor(instances: Pick<Instances, "known" | "specified" | "liveSpec" | "recordLive">) {
    this.#instances = instances;
  }

  /** @throws NanoError `in-use` when the guest does not let go of one */
  plug(id: InstanceId): Promise<void> {
    return this.#inTurn(id, async () => {
      const { domain, spec, host } = await this.#instances.specified(id);
      if (!(await domain.isActive())) return;
      await requireNoMemorySnapshots(domain, "change network interfaces");
      const wanted = nicsOf(spec);
      for (const interfaceElement of await interfacesOf(domain))
        if (!wanted.some(({ mac }) => mac === macIn(interfaceElement))) await this.#take(id, domain, interfaceElement);
      const there = new Set((await interfacesOf(domain)).map(macIn));
      const plugged: Nic[] = [];
      for (const nic of wanted)
        if (there.has(nic.mac) || (await give(domain, nicElement({ spec, host }, nic)))) plugged.push(nic);
      await this.#instances.recordLive(id, { nics: plugged });
    });
  }

  /**
   * A guest may let go long after it was asked to: the record of what it has says so from then on, whatever the
   * definition says.
   */
  noteUnplugged(id: InstanceId): Promise<void> {
    return this.#inTurn(id, async () => {
      const there = new Set((await interfacesOf(await this.#instances.known(id))).map(macIn));
      const recorded = nicsOf(await this.#instances.liveSpec(id));
      const kept = recorded.filter(({ mac }) => there.has(mac));
      if (kept.length < recorded.length) await this.#instances.recordLive(id, { nics: kept });
    });
  }

  #inTurn(id: InstanceId, work: () => Promise<void>): Promise<void> {
    return translated(`changing the network interfaces of instance ${id}`, () => this.#turns.take(id, work));
  }

  async #take(id: InstanceId, domain: Domain, interfaceElement: Element): Promise<void> {
    const mac = macIn(interfaceElement);
    const isThere = async () => (await interfacesOf(domain)).some((each) => macIn(each) === mac);
    if (await unplug(domain, interfaceElement, isThere)) return;
    const known = nicsOf(await this.#instances.liveSpec(id)).find((nic) => nic.mac === mac);
    throw new NanoError(
      "in-use",
      `The guest of instance ${id} did not let go of its network interface ${known?.name ?? mac}`,
      {
        remedy: "Wait until the guest is up, or stop the instance first.",
        details: { mac, ...(known ? { nic: known.name } : {}) },
      },
    );
  }
}

/** As the running guest has them. */
const interfacesOf = async (domain: Domain): Promise<Element[]> => {
  if (!(await domain.isActive())) return [];
  const devices = find(readXml(await domain.getXMLDesc()), "devices");
  return devices ? childrenOf(devices, "interface") : [];
};

const macIn = (interfaceElement: Element): string => find(interfaceElement, "mac")?.attributes.address ?? "";

/** @returns false when its machine has no place for it before the next start */
const give = async (domain: Domain, interfaceElement: Element): Promise<boolean> => {
  try {
    await domain.attachDevice(write(interfaceElement), Affect.live);
    return true;
  } catch (error) {
    if (error instanceof LibvirtError && /PCI (slot|address)/i.test(error.message)) return false;
    throw error;
  }
};
