/** Where nothing fitted: the smallest change that would make it fit. */
import type { Resources } from "@nano/contract";
import type { Policy } from "./rule.ts";
import { filters } from "./rules/index.ts";
import type { PlacementRequest, Snapshot } from "./snapshot.ts";

type Kind = keyof Resources;
const kinds: readonly Kind[] = ["cores", "memoryMiB", "storageGiB"];
/** Nothing below this makes an instance. */
const least: Readonly<Record<Kind, number>> = { cores: 1, memoryMiB: 16, storageGiB: 1 };
const amount = (kind: Kind, value: number): string =>
  ({
    cores: value === 1 ? "1 core" : `${value} cores`,
    memoryMiB: `${value} MiB memory`,
    storageGiB: `${value} GiB storage`,
  })[kind];

/**
 * Prefers what a person can do at once: enable a cell that has room, else ask for less (relative to what was asked for,
 * or without what a host cannot do), else bring a silent cell back, else add a cell.
 */
export function smallestChange(cells: Snapshot, request: PlacementRequest, policy: Policy): string {
  let cheapest: { cell: number; cost: number; less: Record<Kind, number> } | undefined;
  const byHand = new Map<string, string>();
  for (let i = 0; i < cells.count; i++) {
    const less: Record<Kind, number> = { cores: 0, memoryMiB: 0, storageGiB: 0 };
    const toDo: { rule: string; remedy: string }[] = [];
    for (const rule of filters) {
      if (rule.admits(cells, i, request, policy)) continue;
      if (rule.remedy) toDo.push({ rule: rule.name, remedy: rule.remedy(cells, i, request) });
      if (rule.shortfall) {
        const { resource, by } = rule.shortfall(cells, i, request, policy);
        less[resource] = Math.max(less[resource], Math.ceil(by));
      }
    }
    const asksLess = kinds.some((kind) => less[kind] > 0);
    const [only, ...more] = toDo;
    if (!asksLess && only && more.length === 0) byHand.set(only.rule, byHand.get(only.rule) ?? only.remedy);
    if (!asksLess || only || kinds.some((kind) => request[kind] - less[kind] < Math.min(least[kind], request[kind])))
      continue;
    const cost = kinds.reduce((sum, kind) => sum + (less[kind] > 0 ? less[kind] / request[kind] : 0), 0);
    if (!cheapest || cost < cheapest.cost) cheapest = { cell: i, cost, less };
  }

  const enable = byHand.get("enabled");
  if (enable) return sentence(`${enable}; it has room for this`);
  if (cheapest) {
    const { cell, less } = cheapest;
    const asked = kinds.filter((kind) => less[kind] > 0).map((kind) => amount(kind, request[kind] - less[kind]));
    return `Ask for ${asked.join(" and ")} at most; then it fits on ${cells.names[cell]}.`;
  }
  const other = byHand.get("abilities") ?? byHand.get("storage-in-use") ?? byHand.get("online");
  if (other) return sentence(`${other}; it has room for this`);
  return `Add a cell with ${kinds.map((kind) => amount(kind, request[kind])).join(", ")} to spare to the pool.`;
}

const sentence = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
