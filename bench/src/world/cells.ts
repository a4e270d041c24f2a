/** Cells that exist only as figures, for the parts of the scheduler that see nothing else of a cell. */
import type { CellId, GiB, MiB, Resources } from "@nano/contract";
import type { CellFacts } from "@nano/scheduler/placement/snapshot";

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const resources = (cores: number, memoryMiB: number, storageGiB: number): Resources => ({
  cores,
  memoryMiB: memoryMiB as MiB,
  storageGiB: storageGiB as GiB,
});

export const plus = (a: Resources, b: Resources): Resources =>
  resources(a.cores + b.cores, a.memoryMiB + b.memoryMiB, a.storageGiB + b.storageGiB);

/** A valid id, the n-th of its kind. */
export const cellId = (n: number): CellId => {
  const digits = "abcdefghijklmnopqrstuvwxyz234567";
  let id = "";
  for (let rest = n, i = 0; i < 16; i++, rest = Math.floor(rest / 32)) id = `${digits[rest % 32]}${id}`;
  return `cell-${id}` as CellId;
};

export const emptyCell = (n: number, capacity: Resources): CellFacts => ({
  id: cellId(n),
  name: `node-${n}`,
  online: true,
  enabled: true,
  virtualization: "simulated",
  abilities: [],
  capacity,
  reserved: resources(0, 0, 0),
  load: { cpuPercent: 0, memoryUsedMiB: 0 as MiB, storageUsedGiB: 0 as GiB },
  instances: 0,
  silentSeconds: 0,
});

const hosts = [resources(32, 131_072, 4_000), resources(64, 262_144, 8_000), resources(16, 65_536, 2_000)] as const;

/** A pool in use: hosts of three sizes, on each about ten instances, one in fifty away or disabled. */
export function poolInUse(count: number, random: () => number): CellFacts[] {
  return Array.from({ length: count }, (_, n) => {
    const capacity = hosts[n % hosts.length] ?? hosts[0];
    const instances = Math.floor(5 + random() * 11);
    const used = (of: number) => Math.floor(of * random() * 0.9);
    return {
      ...emptyCell(n, capacity),
      online: random() >= 0.01,
      enabled: random() >= 0.01,
      reserved: resources(instances * 4, used(capacity.memoryMiB), used(capacity.storageGiB)),
      load: {
        cpuPercent: Math.floor(random() * 100),
        memoryUsedMiB: used(capacity.memoryMiB) as MiB,
        storageUsedGiB: used(capacity.storageGiB) as GiB,
      },
      instances,
    };
  });
}

export type Mix = readonly Resources[];
const mixOf = (memoryPerCoreMiB: number): Mix =>
  [1, 1, 2, 2, 4, 8].map((cores) => resources(cores, cores * memoryPerCoreMiB, 20));
/** On hosts with 1 GiB for each core that may be promised: memory runs out first, or cores do. */
export const memoryBound = mixOf(4_096);
export const cpuBound = mixOf(512);

export function pick<T>(from: readonly T[], random: () => number): T {
  const chosen = from[Math.floor(random() * from.length)];
  if (chosen === undefined) throw new RangeError("There is nothing to pick from");
  return chosen;
}
