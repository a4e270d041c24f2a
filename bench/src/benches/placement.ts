/**
 * How long a decision takes, with everything that is kept of it to explain it, against the barest scan that could find
 * a cell.
 */
import type { PoolName, Resources } from "@nano/contract";
import { type PlacementDecision, place } from "@nano/scheduler/placement/place";
import { defaultPolicy } from "@nano/scheduler/placement/rule";
import { Snapshot } from "@nano/scheduler/placement/snapshot";
import type { Bench, Row } from "../bench.ts";
import { quantile } from "../figure.ts";
import { atMost } from "../target.ts";
import { memoryBound, pick, poolInUse, seeded } from "../world/cells.ts";

const pool = "default" as PoolName;

export const placement: Bench = {
  name: "placement",
  about: "a placement decision with its explanation among 1,000 and 10,000 cells",
  async run({ quick, say }) {
    const rows: Row[] = [];
    for (const [count, limit] of [
      [1_000, 100e-6],
      [10_000, 1e-3],
    ] as const) {
      say(`deciding among ${count} cells`);
      rows.push(...decide(count, limit, quick));
    }
    return rows;
  },
};

function decide(count: number, limit: number, quick: boolean): Row[] {
  const random = seeded(count);
  const cells = new Snapshot(poolInUse(count, random));
  const requests = Array.from({ length: 400 }, () => pick(memoryBound, random));
  const rounds = quick ? 5 : 15;
  const nano = { p50: [] as number[], p99: [] as number[] };
  const scan = { p50: [] as number[], p99: [] as number[] };
  // The first rounds are for the compiler.
  for (let round = -3; round < rounds; round++) {
    const mine = timesOf(requests, (request) => place(cells, pool, request, defaultPolicy));
    const bare = timesOf(requests, (request) => bareScan(cells, request));
    if (round < 0) continue;
    nano.p50.push(quantile(mine, 0.5));
    nano.p99.push(quantile(mine, 0.99));
    scan.p50.push(quantile(bare, 0.5));
    scan.p99.push(quantile(bare, 0.99));
  }
  const seconds = (samples: readonly number[]) => ({ unit: "s", samples }) as const;
  const what = `placement among ${count.toLocaleString("en")} cells, explained`;
  return [
    { what: `${what}, p50`, measured: seconds(nano.p50), peer: { name: "bare scan", figure: seconds(scan.p50) } },
    {
      what: `${what}, p99`,
      measured: seconds(nano.p99),
      peer: { name: "bare scan", figure: seconds(scan.p99) },
      target: atMost(limit),
    },
  ];
}

/** Seconds of each decision. */
function timesOf(requests: readonly Resources[], decide: (request: Resources) => PlacementDecision | number): number[] {
  // Kept, so that no compiler can do without the work.
  const decisions: (PlacementDecision | number)[] = [];
  return requests.map((request) => {
    const start = Bun.nanoseconds();
    decisions.push(decide(request));
    return (Bun.nanoseconds() - start) / 1e9;
  });
}

/**
 * The row of the cell that has room and the lowest load; -1 for none. No words, no runner-up, no rules one could read.
 */
function bareScan(cells: Snapshot, request: Resources): number {
  const { cores, memoryMiB, storageGiB, reservedCores, reservedMemoryMiB, reservedStorageGiB, cpuPercent, online } =
    cells;
  let best = -1;
  let lowest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < cells.count; i++) {
    const memory = memoryMiB[i] ?? 0;
    const reserved = reservedMemoryMiB[i] ?? 0;
    if (online[i] === 0 || memory - reserved < request.memoryMiB) continue;
    if ((cores[i] ?? 0) * 4 - (reservedCores[i] ?? 0) < request.cores) continue;
    if ((storageGiB[i] ?? 0) - (reservedStorageGiB[i] ?? 0) < request.storageGiB) continue;
    const score = (cpuPercent[i] ?? 0) / 100 + reserved / memory;
    if (score < lowest) {
      lowest = score;
      best = i;
    }
  }
  return best;
}
