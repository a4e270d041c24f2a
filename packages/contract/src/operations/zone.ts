import { operation } from "../operation.ts";
import { Resources } from "../records.ts";
import { Closed, Count, GiBSchema, MiBSchema, Nothing, Percent, PerSecond, TimestampSchema, Type } from "../schema.ts";
import { at, cell, gib, mib, pool } from "./examples.ts";

export const Zone = Closed({
  name: Type.String({
    maxLength: 64,
    description: "The domain that separates this cluster from others on the same network",
  }),
  startedAt: TimestampSchema,
  pools: Closed({ total: Count }),
  cells: Closed({ online: Count, offline: Count, unassigned: Count }),
  instances: Closed({ running: Count, stopped: Count, lost: Count, other: Count }),
  capacity: Resources,
  reserved: Resources,
  load: Closed({ cpuPercent: Percent, memoryUsedMiB: MiBSchema, storageUsedGiB: GiBSchema }),
  /** The recent past, oldest first, one point every 10 s, at most 60. Lost at a restart. */
  history: Type.Array(
    Closed({
      at: TimestampSchema,
      cpuPercent: Percent,
      memoryUsedMiB: MiBSchema,
      networkBytesPerSecond: PerSecond,
      diskBytesPerSecond: PerSecond,
    }),
    { maxItems: 60 },
  ),
});

export const zoneOperations = {
  "zone.get": operation({
    owner: "scheduler",
    summary: "Show the zone's figures",
    description: "What the dashboard shows: pools, cells and instances by state, and what is used of what.",
    input: Nothing,
    output: Zone,
    errors: [],
    requires: "zone.read",
    rest: { method: "GET", path: "/api/v2/zone", status: 200 },
    changes: false,
    events: [],
    example: {
      input: {},
      output: {
        name: "nano",
        startedAt: at,
        pools: { total: 1 },
        cells: { online: 1, offline: 0, unassigned: 0 },
        instances: { running: 1, stopped: 0, lost: 0, other: 0 },
        capacity: pool.capacity,
        reserved: pool.reserved,
        load: { cpuPercent: 12.5, memoryUsedMiB: cell.load.memoryUsedMiB, storageUsedGiB: gib(41) },
        history: [
          { at, cpuPercent: 12.5, memoryUsedMiB: mib(9_120), networkBytesPerSecond: 1_200, diskBytesPerSecond: 88_000 },
        ],
      },
    },
  }),
};
