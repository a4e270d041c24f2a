import { type Ability, abilityTexts, abilities as all } from "@nano/contract";
import { type Admits, at, because, type Filter } from "../rule.ts";
import { abilityBits, type PlacementRequest, type Snapshot } from "../snapshot.ts";

const admits: Admits = (cells, i, request) => (abilityBits(request.needs) & ~at(cells.abilities, i)) === 0;

const lacking = (cells: Snapshot, i: number, { needs }: PlacementRequest): Ability[] =>
  all.filter((ability) => (abilityBits(needs) & ~at(cells.abilities, i) & abilityBits([ability])) !== 0);

/** What is asked for must be possible on the host: its firmware, its kernel and its libvirt differ. */
export const abilities: Filter = {
  name: "abilities",
  lack: "its host cannot do this",
  admits,
  sift({ cells, request, rows, removed, count }) {
    const needs = abilityBits(request.needs);
    if (needs === 0) return count;
    let kept = 0;
    for (let k = 0; k < count; k++) {
      const i = rows[k] ?? 0;
      if ((needs & ~at(cells.abilities, i)) === 0) rows[kept++] = i;
      else removed[k - kept] = i;
    }
    return kept;
  },
  reason: (cells, i, request) =>
    because`${lacking(cells, i, request)
      .map((ability) => abilityTexts[ability].lacking)
      .join("; ")}`,
  remedy: (cells, i, request) =>
    `${lacking(cells, i, request)
      .map((ability) => abilityTexts[ability].without)
      .join(" and ")}, or give it to ${cells.names[i]}`,
};
