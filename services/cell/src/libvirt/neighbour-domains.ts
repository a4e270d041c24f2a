/**
 * Domains of the same host that are not ours: another zone's, or a person's. They are only looked at to keep out of
 * their way.
 */
import { type InstanceSpec, NanoError, nicsOf } from "@nano/contract";
import type { Connection, Domain } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { childrenOf, type Element, find } from "../xml/tree.ts";
import { orNone } from "./failure.ts";

/** What it is now, what it is defined to be, and what its snapshots keep: the last may have a medium in the drive. */
export const configurationsOf = async (domain: Domain): Promise<string[]> => {
  const kept = (await orNone(domain.listSnapshots())) ?? [];
  const all = [domain.getXMLDesc(), domain.getDefinition(), ...kept.map((snapshot) => snapshot.getXMLDesc())];
  return (await Promise.all(all.map(orNone))).filter((xml) => xml !== undefined);
};

/** The devices of a kind of this domain, or of when this snapshot of it was taken. */
export const devicesIn = (domainXml: string, kind: string): Element[] => {
  const root = readXml(domainXml);
  const devices = find(root, "devices") ?? find(root, "domain", "devices");
  return devices ? childrenOf(devices, kind) : [];
};

/**
 * Two zones on a host draw their MAC addresses without knowing of each other.
 * @throws NanoError `mac-taken`
 */
export const requireFreeMacs = async (
  connection: Connection,
  spec: InstanceSpec,
  isOwn: (uuid: string) => boolean,
): Promise<void> => {
  const wanted = new Set(nicsOf(spec).map(({ mac }) => mac.toLowerCase()));
  const others = (await connection.listAllDomains()).filter(({ uuid }) => uuid !== spec.id && !isOwn(uuid));
  for (const domain of others) {
    const xml = await orNone(domain.getXMLDesc());
    const macs = xml === undefined ? [] : devicesIn(xml, "interface").map((each) => find(each, "mac"));
    const taken = macs.map((mac) => mac?.attributes.address?.toLowerCase() ?? "").find((mac) => wanted.has(mac));
    if (taken === undefined) continue;
    throw new NanoError("mac-taken", `The address ${taken} belongs to another domain of this host, ${domain.name}`, {
      details: { mac: taken },
    });
  }
};
