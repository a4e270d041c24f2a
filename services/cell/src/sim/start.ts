/**
 * Simulated cells for a look around, demos and benches: each joins the zone exactly as a real one does, with an
 * identity of its own.
 */
import { join } from "node:path";
import type { Log, Resources } from "@nano/contract";
import type { Rendezvous } from "@nano/discovery";
import { type Cell, startCell } from "../cell.ts";
import { gib, mib } from "../units.ts";
import { SimulatedHypervisor } from "./hypervisor.ts";
import type { Timeline } from "./timeline.ts";

export interface SimulatedConfig {
  /** Each cell gets a directory of its own below it. */
  readonly directory: string;
  readonly rendezvous: Rendezvous;
  readonly joinSecret?: string;
  readonly log: Log;
  /** Names are `<prefix>-1`, `<prefix>-2`, …; `sim` by default. */
  readonly namePrefix?: string;
  /** Of the cell with this number (from 1); sizes that real machines have by default. */
  readonly capacity?: (number: number) => Resources;
  readonly rng?: () => number;
  readonly timeline?: Timeline;
}

export interface SimulatedCells {
  readonly cells: readonly Cell[];
  stop(): Promise<void>;
}

const sizes: readonly Resources[] = [
  { cores: 16, memoryMiB: mib(64 * 1024), storageGiB: gib(960) },
  { cores: 32, memoryMiB: mib(128 * 1024), storageGiB: gib(1_920) },
  { cores: 64, memoryMiB: mib(256 * 1024), storageGiB: gib(3_840) },
];
const usualSize = (number: number): Resources => {
  const size = sizes[number % sizes.length];
  if (!size) throw new RangeError("There is no size");
  return size;
};

/** Starts `count` simulated cells in this process. */
export const startSimulatedCells = async (config: SimulatedConfig, count: number): Promise<SimulatedCells> => {
  const { directory, rendezvous, joinSecret, log, namePrefix = "sim", capacity = usualSize, rng, timeline } = config;
  const cells = await Promise.all(
    Array.from({ length: count }, (_, index) => {
      const name = `${namePrefix}-${index + 1}`;
      return startCell({
        directory: join(directory, name),
        name,
        rendezvous,
        ...(joinSecret === undefined ? {} : { joinSecret }),
        hypervisor: new SimulatedHypervisor({
          capacity: capacity(index + 1),
          ...(rng ? { rng } : {}),
          ...(timeline ? { timeline } : {}),
        }),
        log,
      });
    }),
  );
  return {
    cells,
    stop: async () => {
      await Promise.all(cells.map((cell) => cell.stop()));
    },
  };
};
