/** What is used over time, at each level. */
import { operation } from "../operation.ts";
import { CellIdSchema, Closed, InstanceIdSchema, PoolNameSchema } from "../schema.ts";
import { lookBack, type Statistics, Statistics as StatisticsSchema } from "../statistics.ts";
import { at, ids, mib } from "./examples.ts";

const example: Statistics = {
  everySeconds: 10,
  cores: 2,
  memoryTotalMiB: mib(2_048),
  points: [
    {
      at,
      cpuPercent: 12.5,
      memoryUsedMiB: mib(840),
      diskReadBytesPerSecond: 0,
      diskWriteBytesPerSecond: 88_000,
      diskReadsPerSecond: 0,
      diskWritesPerSecond: 11,
      networkReceiveBytesPerSecond: 1_200,
      networkSendBytesPerSecond: 900,
    },
  ],
};
const shared = {
  owner: "scheduler" as const,
  output: StatisticsSchema,
  changes: false,
  events: [],
};
const sums = "Sums over what is online; the processor as a share of all their cores. ";
const kept = "A point every 10 s, for an hour at most; kept in memory, so a restart of the scheduler begins anew.";

export const statisticsOperations = {
  "instance.statistics": operation({
    ...shared,
    summary: "Show what an instance uses over time",
    description: `Processor, memory, disk and network of the running instance. ${kept}`,
    input: Closed({ id: InstanceIdSchema, ...lookBack }),
    errors: ["instance-not-found"],
    requires: "instance.read",
    rest: { method: "GET", path: "/api/v2/instances/{id}/statistics", status: 200 },
    example: { input: { id: ids.instance }, output: { ...example, memorySource: "guest" } },
  }),
  "cell.statistics": operation({
    ...shared,
    summary: "Show what a cell uses over time",
    description: `Processor and memory of the host; disk and network of all it runs. ${kept}`,
    input: Closed({ id: CellIdSchema, ...lookBack }),
    errors: ["cell-not-found"],
    requires: "cell.read",
    rest: { method: "GET", path: "/api/v2/cells/{id}/statistics", status: 200 },
    example: { input: { id: ids.cell, minutes: 10 }, output: example },
  }),
  "pool.statistics": operation({
    ...shared,
    summary: "Show what a pool's cells use over time",
    description: sums + kept,
    input: Closed({ name: PoolNameSchema, ...lookBack }),
    errors: ["pool-not-found"],
    requires: "pool.read",
    rest: { method: "GET", path: "/api/v2/pools/{name}/statistics", status: 200 },
    example: { input: { name: ids.pool }, output: example },
  }),
  "zone.statistics": operation({
    ...shared,
    summary: "Show what the zone uses over time",
    description: sums + kept,
    input: Closed(lookBack),
    errors: [],
    requires: "zone.read",
    rest: { method: "GET", path: "/api/v2/zone/statistics", status: 200 },
    example: { input: {}, output: example },
  }),
};
