/** The zone's figures. */
import type { Handlers } from "@nano/bus";
import { type CellLoad, type Output, type Timestamp, timestamp } from "@nano/contract";
import type { Kysely } from "kysely";
import type { CellRegistry, KnownCell } from "../cells/registry.ts";
import { resourcesOf } from "../cells/view.ts";
import type { Database } from "../database.ts";
import { countByState, noUsage, plusUsage, usageByPool } from "../instances/usage.ts";
import { listPools } from "../pools/store.ts";
import { gib, mib } from "../units.ts";
import type { History, Point } from "./history.ts";

export interface ZoneDeps {
  readonly db: Kysely<Database>;
  readonly registry: CellRegistry;
  readonly history: History;
  readonly name: string;
  readonly startedAt: Timestamp;
}

const total = (cells: readonly KnownCell[], amount: (cell: KnownCell) => number): number =>
  cells.reduce((sum, cell) => sum + amount(cell), 0);

/** Of the cells that answer: processor use as a share of all their threads, the rest as sums. */
const loadOf = (cells: readonly KnownCell[]) => {
  const cores = total(cells, ({ stored }) => stored.capacity.cores);
  const busy = total(cells, ({ stored, load }) => (stored.capacity.cores * load.cpuPercent) / 100);
  return {
    cpuPercent: cores === 0 ? 0 : Math.round((1_000 * busy) / cores) / 10,
    memoryUsedMiB: mib(total(cells, ({ load }) => load.memoryUsedMiB)),
    storageUsedGiB: gib(total(cells, ({ load }) => load.storageUsedGiB)),
  };
};
const rates = (load: CellLoad) => ({
  network: (load.networkReceiveBytesPerSecond ?? 0) + (load.networkSendBytesPerSecond ?? 0),
  disk: (load.diskReadBytesPerSecond ?? 0) + (load.diskWriteBytesPerSecond ?? 0),
});
const working = (registry: CellRegistry) =>
  [...registry.all()].filter(({ online, stored }) => online && stored.pool !== null);

export function measure(registry: CellRegistry, now: number): Point {
  const cells = working(registry);
  const { cpuPercent, memoryUsedMiB } = loadOf(cells);
  return {
    at: timestamp(now),
    cpuPercent,
    memoryUsedMiB,
    networkBytesPerSecond: Math.round(total(cells, ({ load }) => rates(load).network)),
    diskBytesPerSecond: Math.round(total(cells, ({ load }) => rates(load).disk)),
  };
}

export function zoneHandlers({
  db,
  registry,
  history,
  name,
  startedAt,
}: ZoneDeps): Pick<Handlers<"scheduler">, "zone.get"> {
  return {
    "zone.get": async (): Promise<Output<"zone.get">> => {
      const members = [...registry.all()].filter(({ stored }) => stored.pool !== null);
      const online = members.filter((cell) => cell.online);
      const states = await countByState(db);
      const count = (state: Parameters<typeof states.get>[0]) => states.get(state) ?? 0;
      const instances = [...states.values()].reduce((sum, n) => sum + n, 0);
      const named = count("running") + count("stopped") + count("lost");
      const usage = [...(await usageByPool(db)).values()].reduce(plusUsage, noUsage);
      return {
        name,
        startedAt,
        pools: { total: (await listPools(db)).length },
        cells: {
          online: online.length,
          offline: members.length - online.length,
          unassigned: registry.size - members.length,
        },
        instances: {
          running: count("running"),
          stopped: count("stopped"),
          lost: count("lost"),
          other: instances - named,
        },
        capacity: {
          cores: total(members, ({ stored }) => stored.capacity.cores),
          memoryMiB: mib(total(members, ({ stored }) => stored.capacity.memoryMiB)),
          storageGiB: gib(total(members, ({ stored }) => stored.capacity.storageGiB)),
        },
        reserved: resourcesOf(usage),
        load: loadOf(online),
        history: history.points,
      };
    },
  };
}
