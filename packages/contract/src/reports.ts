/**
 * What a cell says without being asked. Plain messages on its own subjects, latest value wins: nothing is lost when one
 * is missed, because the full inventory follows within 10 s. The scheduler orders them, and what a cell answers to
 * commands, by `boot` and `sequence`; an older one is ignored.
 */
import { KeptFile } from "./operations/cell-files.ts";
import { Observed } from "./operations/on-cell.ts";
import { Cell, CellLoad, Resources } from "./records.ts";
import { CellIdSchema, Closed, Count, Host, InstanceIdSchema, limits, type Static, Type } from "./schema.ts";
import { InstanceUsage, measuredMax } from "./statistics.ts";
import { subjectToken } from "./subject-token.ts";

const origin = {
  cell: CellIdSchema,
  /** A new one whenever the cell service starts. */
  boot: Type.String({ maxLength: 36 }),
  /** Grows with every report of this boot; drawn before what it tells was read. */
  sequence: Count,
};

/** More are told of when these are whole again. */
export const damagedAtMost = 16;
export const DamagedFile = Closed({ sha256: KeptFile.properties.sha256, format: KeptFile.properties.format });
export type DamagedFile = Static<typeof DamagedFile>;

/** `nano.v1.report.<cellId>.heartbeat`, every second. Three missed make a cell offline. */
export const Heartbeat = Closed({
  ...origin,
  name: Cell.properties.name,
  address: Host,
  virtualization: Cell.properties.virtualization,
  capacity: Resources,
  load: CellLoad,
  versions: Cell.properties.versions,
  network: Cell.properties.network,
  /** Cells of older versions say nothing of it. */
  abilities: Type.Optional(Cell.properties.abilities),
  fingerprint: Cell.properties.fingerprint,
  problems: Cell.properties.problems,
  /** Files that disks or drives need and that are not whole: to be fetched again. Absent when all are. */
  damaged: Type.Optional(Type.Array(DamagedFile, { maxItems: damagedAtMost })),
});
export type Heartbeat = Static<typeof Heartbeat>;

/**
 * `nano.v1.report.<cellId>.inventory`, on joining and every 10 s: everything there is. What is not in it is not there.
 */
export const Inventory = Closed({ ...origin, instances: Type.Array(Observed, { maxItems: limits.instancesOfCell }) });
export type Inventory = Static<typeof Inventory>;

/** `nano.v1.report.<cellId>.instance`: one instance changed; without `observed` it is gone. */
export const InstanceReport = Closed({ ...origin, id: InstanceIdSchema, observed: Type.Optional(Observed) });
export type InstanceReport = Static<typeof InstanceReport>;

/**
 * `nano.v1.report.<cellId>.statistics`, every 10 s: what each running instance uses. One that is missed leaves a gap in
 * a chart, no more.
 */
export const StatisticsReport = Closed({
  ...origin,
  instances: Type.Array(InstanceUsage, { maxItems: measuredMax }),
});
export type StatisticsReport = Static<typeof StatisticsReport>;

/** `nano.v1.report.<cellId>.leaving`: the cell service is stopping on purpose. Its instances run on. */
export const Leaving = Closed(origin);
export type Leaving = Static<typeof Leaving>;

export const reports = {
  heartbeat: Heartbeat,
  inventory: Inventory,
  instance: InstanceReport,
  leaving: Leaving,
  statistics: StatisticsReport,
} as const;
export type ReportName = keyof typeof reports;
/** What one cell may say of each: bytes of one report, and how many a second in the long run and at once. */
export const reportLimits = {
  heartbeat: { bytes: 65_536, perSecond: 10, burst: 100 },
  inventory: { bytes: 8 * 2 ** 20, perSecond: 2, burst: 50 },
  instance: { bytes: 262_144, perSecond: 300, burst: 3_000 },
  leaving: { bytes: 1_024, perSecond: 2, burst: 20 },
  statistics: { bytes: 2 * 2 ** 20, perSecond: 2, burst: 50 },
} as const satisfies Record<ReportName, { bytes: number; perSecond: number; burst: number }>;
/** @param cell its id, or `*` to hear all of them */
export const reportSubject = (cell: string, report: ReportName) =>
  `nano.v1.report.${cell === "*" ? cell : subjectToken(cell)}.${report}`;
/** How long without a heartbeat until a cell counts as offline, in milliseconds. */
export const offlineAfterMs = 3_500;
export const heartbeatIntervalMs = 1_000;
export const inventoryIntervalMs = 10_000;
