/**
 * Whom this machine has met on a bridge: its table of IPv4 neighbours (`/proc/net/arp`), by hardware address.
 *
 * libvirt has a question for it too, and for a machine that is not this one there is no other way. But it stumbles over
 * how newer kernels (6.18 does, 6.1 does not) end the table: "wrong nlmsg len", up to libvirt 9 at least.
 */
import { readFile } from "node:fs/promises";

/** Answered at least once (`ATF_COM`); otherwise the entry is but a question. */
const complete = 0x2;
/** Of one hardware address: some of them may be of no use. */
const addressesMax = 256;

export const parseNeighbours = (table: string, bridge: string): ReadonlyMap<string, readonly string[]> => {
  const known = new Map<string, string[]>();
  for (const line of table.split("\n").slice(1)) {
    const [address, , flags, mac, , device] = line.trim().split(/\s+/);
    if (!address || !mac || device !== bridge || (Number(flags) & complete) === 0) continue;
    const addresses = known.get(mac.toLowerCase()) ?? [];
    // A guest may answer for any number of addresses; of each that the kernel keeps, so many are told.
    if (addresses.length < addressesMax) addresses.push(address);
    known.set(mac.toLowerCase(), addresses);
  }
  return known;
};

export const neighboursOn = async (bridge: string): Promise<ReadonlyMap<string, readonly string[]>> =>
  parseNeighbours(await readFile("/proc/net/arp", "latin1"), bridge);
