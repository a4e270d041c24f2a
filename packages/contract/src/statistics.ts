/**
 * What is used over time: of an instance, a cell, a pool, the zone. One shape for all, kept for an hour, lost at a
 * restart.
 */
import {
  Closed,
  Count,
  InstanceIdSchema,
  limits,
  MiBSchema,
  OneOf,
  PerSecond,
  type Static,
  TimestampSchema,
  Type,
} from "./schema.ts";

/** How often everything is measured, in milliseconds. */
export const statisticsIntervalMs = 10_000;
/** How much is remembered: an hour. */
export const statisticsPoints = 360;
/** Instances a cell may measure; more than any host carries. */
export const measuredMax = limits.instancesOfCell;

const Rate = (description: string) => Type.Optional(Type.Number({ ...PerSecond, description }));

/** Rates are means since the measurement before. */
export const Usage = Closed({
  cpuPercent: Type.Number({ minimum: 0, maximum: 100, description: "Of all its cores: 100 is all of them busy" }),
  memoryUsedMiB: MiBSchema,
  diskReadBytesPerSecond: Rate("Bytes per second"),
  diskWriteBytesPerSecond: Rate("Bytes per second"),
  diskReadsPerSecond: Rate("Read requests per second"),
  diskWritesPerSecond: Rate("Write requests per second"),
  networkReceiveBytesPerSecond: Rate("Bytes per second; absent where the network does not count, as QEMU's own"),
  networkSendBytesPerSecond: Rate("Bytes per second; absent where the network does not count, as QEMU's own"),
});
export type Usage = Static<typeof Usage>;

/** Whose word its memory is: the guest's own (what its programs use), or the host's (what its process takes). */
export const MemorySource = OneOf(["guest", "host"], "The guest's own word, or what its process takes on the host");
export type MemorySource = Static<typeof MemorySource>;

export const InstanceUsage = Closed({ id: InstanceIdSchema, ...Usage.properties, memorySource: MemorySource });
export type InstanceUsage = Static<typeof InstanceUsage>;

export const UsagePoint = Closed({ at: TimestampSchema, ...Usage.properties });
export type UsagePoint = Static<typeof UsagePoint>;

export const Statistics = Closed({
  everySeconds: Count,
  points: Type.Array(UsagePoint, {
    maxItems: statisticsPoints + 1,
    description: "Oldest first, one about every 10 s, at most an hour. Empty for what does not run",
  }),
  memoryTotalMiB: MiBSchema,
  cores: Count,
  memorySource: Type.Optional(MemorySource),
});
export type Statistics = Static<typeof Statistics>;

/** How far back an answer goes. */
export const lookBack = {
  minutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 60, description: "How far back; 60 by default" })),
};
