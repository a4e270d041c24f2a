/**
 * Whether an instance that is placed may become another size where it is: the rules of placement, asked about its own
 * cell only.
 */
import type { Resources } from "@nano/contract";
import { gib, mib } from "../units.ts";
import type { Filter, Policy } from "./rule.ts";
import { abilities } from "./rules/abilities.ts";
import { cores } from "./rules/cores.ts";
import { memory } from "./rules/memory.ts";
import { memoryInUse } from "./rules/memory-in-use.ts";
import { type CellFacts, type PlacementRequest, Snapshot } from "./snapshot.ts";

/** @param alive whether its memory is in use on the host now */
export function obstaclesToGrowth(
  cell: CellFacts,
  now: Resources,
  then: PlacementRequest,
  alive: boolean,
  policy: Policy,
): { rule: string; reason: string }[] {
  const { reserved, load } = cell;
  const used = Math.max(0, load.memoryUsedMiB - (alive ? now.memoryMiB : 0));
  const without = new Snapshot([
    {
      ...cell,
      reserved: {
        cores: reserved.cores - now.cores,
        memoryMiB: mib(reserved.memoryMiB - now.memoryMiB),
        storageGiB: gib(reserved.storageGiB - now.storageGiB),
      },
      load: { ...load, memoryUsedMiB: mib(used) },
    },
  ]);
  // What only shrinks is welcome anywhere, on a cell that is too full already most of all.
  const asked: Filter[] = [
    abilities,
    ...(then.cores > now.cores ? [cores] : []),
    ...(then.memoryMiB > now.memoryMiB ? [memory, memoryInUse] : []),
  ];
  return asked
    .filter((rule) => !rule.admits(without, 0, then, policy))
    .map((rule) => ({ rule: rule.name, reason: rule.reason(without, 0, then, policy) }));
}
