/** A cell as it is shown. */
import { type Cell, type Resources, timestamp } from "@nano/contract";
import { noUsage, type Usage } from "../instances/usage.ts";
import { gib, mib } from "../units.ts";
import type { KnownCell } from "./registry.ts";

export const resourcesOf = (usage: Pick<Usage, "cores" | "memoryMiB" | "storageGiB">): Resources => ({
  cores: usage.cores,
  memoryMiB: mib(usage.memoryMiB),
  storageGiB: gib(usage.storageGiB),
});

/** @param usage as just read from the database; a cell without instances has none */
export const toCell = (known: KnownCell, usage: Usage = noUsage, sameName = false, strays = 0): Cell => {
  const { stored } = known;
  return {
    id: stored.id,
    name: stored.name,
    ...(stored.pool === null ? {} : { pool: stored.pool }),
    address: stored.address,
    online: known.online,
    enabled: stored.enabled,
    virtualization: stored.virtualization,
    capacity: stored.capacity,
    reserved: resourcesOf(usage),
    load: known.load,
    instances: { total: usage.total, running: usage.running },
    ...(strays === 0 ? {} : { strays }),
    versions: stored.versions,
    abilities: stored.abilities,
    network: stored.network,
    fingerprint: stored.fingerprint,
    problems: sameName
      ? [...stored.problems.slice(0, 31), `Another cell is called ${stored.name}, too.`]
      : stored.problems,
    discoveredAt: stored.discoveredAt,
    lastSeenAt: timestamp(known.seenAt),
    revision: stored.revision,
  };
};
