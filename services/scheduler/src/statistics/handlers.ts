/** What is used over time, as it is asked for. */
import type { Handlers } from "@nano/bus";
import { type Clock, type OperationsOf, type Statistics, statisticsIntervalMs } from "@nano/contract";
import type { Kysely } from "kysely";
import type { CellRegistry, KnownCell } from "../cells/registry.ts";
import type { Database } from "../database.ts";
import { requireInstance } from "../instances/change.ts";
import { requirePool } from "../pools/handlers.ts";
import { mib } from "../units.ts";
import type { StatisticsKeeper } from "./keeper.ts";
import type { Series } from "./series.ts";

export interface StatisticsDeps {
  readonly db: Kysely<Database>;
  readonly registry: CellRegistry;
  readonly keeper: StatisticsKeeper;
  readonly clock: Clock;
}

export type StatisticsOperations = Extract<OperationsOf<"scheduler">, `${string}.statistics`>;

export function statisticsHandlers(deps: StatisticsDeps): Pick<Handlers<"scheduler">, StatisticsOperations> {
  const { db, registry, keeper, clock } = deps;
  const shown = (series: Series | undefined, size: { cores: number; memoryMiB: number }, minutes = 60): Statistics => ({
    everySeconds: statisticsIntervalMs / 1_000,
    cores: size.cores,
    memoryTotalMiB: mib(size.memoryMiB),
    points: series?.points(clock.now() - minutes * 60_000) ?? [],
  });
  const members = (belongs: (cell: KnownCell) => boolean) =>
    [...registry.all()].filter(belongs).reduce(
      ({ cores, memoryMiB }, { stored: { capacity } }) => ({
        cores: cores + capacity.cores,
        memoryMiB: memoryMiB + capacity.memoryMiB,
      }),
      { cores: 0, memoryMiB: 0 },
    );

  return {
    "instance.statistics": async ({ id, minutes }) => {
      const instance = await requireInstance(db, id);
      const known = keeper.instance(id);
      return {
        ...shown(known?.series, instance, minutes),
        ...(known ? { memorySource: known.memorySource } : {}),
      };
    },
    "cell.statistics": ({ id, minutes }) => shown(keeper.cell(id), registry.get(id).stored.capacity, minutes),
    "pool.statistics": async ({ name, minutes }) => {
      await requirePool(db, name);
      return shown(
        keeper.pool(name),
        members(({ stored }) => stored.pool === name),
        minutes,
      );
    },
    "zone.statistics": ({ minutes }) =>
      shown(
        keeper.zone,
        members(({ stored }) => stored.pool !== null),
        minutes,
      ),
  };
}
