/** The zone's figures. */
import type { Handlers } from "@nano/bus";
import type { Output, Timestamp } from "@nano/contract";
import type { Kysely } from "kysely";
import { type CellRegistry, type KnownCell, usageOfCells } from "../cells/registry.ts";
import { resourcesOf } from "../cells/view.ts";
import type { Database } from "../database.ts";
import { listPools } from "../pools/store.ts";
import { type StatisticsKeeper, usageOf } from "../statistics/keeper.ts";
import { gib, mib } from "../units.ts";

export interface ZoneDeps {
  readonly db: Kysely<Database>;
  readonly registry: CellRegistry;
  readonly keeper: StatisticsKeeper;
  readonly name: string;
  readonly startedAt: Timestamp;
}

const total = (cells: readonly KnownCell[], amount: (cell: KnownCell) => number): number =>
  cells.reduce((sum, cell) => sum + amount(cell), 0);

/** How much of the past the dashboard shows: ten minutes. */
const historyPoints = 60;

export function zoneHandlers({
  db,
  registry,
  keeper,
  name,
  startedAt,
}: ZoneDeps): Pick<Handlers<"scheduler">, "zone.get"> {
  return {
    "zone.get": async (): Promise<Output<"zone.get">> => {
      const members = [...registry.all()].filter(({ stored }) => stored.pool !== null);
      const online = members.filter((cell) => cell.online);
      const usage = usageOfCells(registry.all());
      const { running = 0, stopped = 0, lost = 0 } = usage.states;
      const { cpuPercent, memoryUsedMiB } = usageOf(online);
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
          running,
          stopped,
          lost,
          other: usage.total - running - stopped - lost,
        },
        capacity: {
          cores: total(members, ({ stored }) => stored.capacity.cores),
          memoryMiB: mib(total(members, ({ stored }) => stored.capacity.memoryMiB)),
          storageGiB: gib(total(members, ({ stored }) => stored.capacity.storageGiB)),
        },
        reserved: resourcesOf(usage),
        load: {
          cpuPercent,
          memoryUsedMiB,
          storageUsedGiB: gib(total(online, ({ load }) => load.storageUsedGiB)),
        },
        history: keeper.zone
          .points()
          .slice(-historyPoints)
          .map(({ at, ...point }) => ({
            at,
            cpuPercent: point.cpuPercent,
            memoryUsedMiB: point.memoryUsedMiB,
            networkBytesPerSecond: (point.networkReceiveBytesPerSecond ?? 0) + (point.networkSendBytesPerSecond ?? 0),
            diskBytesPerSecond: (point.diskReadBytesPerSecond ?? 0) + (point.diskWriteBytesPerSecond ?? 0),
          })),
      };
    },
  };
}
