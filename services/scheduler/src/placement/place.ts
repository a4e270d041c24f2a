/**
 * Where an instance goes: a pure function of what is known of the cells, what is asked for and the policy.
 *
 * One pass over the cells. The filters are asked in order; the first that does not admit a cell removes it, is counted, and keeps the
 * first few as examples. A cell that passes gets its score, a weighted sum that is the lower the better, and takes part in a short list of
 * the ten best. Only then, for those few, words are made: the reasons and the terms. So explaining costs the same for ten cells and for ten thousand.
 *
 * Equal scores go to the smaller id, so the same snapshot always gives the same decision.
 */
import type { CellId, Decision, PoolName, Resources } from "@nano/contract";
import type { Policy } from "./rule.ts";
import { filters, scorers } from "./rules/index.ts";
import { smallestChange } from "./smallest-change.ts";
import type { Snapshot } from "./snapshot.ts";

export type PlacementDecision = Omit<Decision, "id" | "at">;

const rankedAtMost = 10;
const examplesAtMost = 10;

export function place(cells: Snapshot, pool: PoolName, request: Resources, policy: Policy): PlacementDecision {
  const terms = scorers[policy.name];
  const removed = filters.map(() => ({ count: 0, examples: [] as number[] }));
  const best: { cell: number; score: number }[] = [];

  nextCell: for (let i = 0; i < cells.count; i++) {
    for (let f = 0; f < filters.length; f++) {
      if (filters[f]?.admits(cells, i, request, policy)) continue;
      const by = removed[f];
      if (by && by.count++ < examplesAtMost) by.examples.push(i);
      continue nextCell;
    }
    let score = 0;
    for (const term of terms) score += term.weight * term.value(cells, i, request, policy);
    const worst = best[rankedAtMost - 1];
    if (worst && !precedes(cells, i, score, worst)) continue;
    let position = best.length;
    for (; position > 0; position--) {
      const other = best[position - 1];
      if (other && !precedes(cells, i, score, other)) break;
    }
    best.splice(position, 0, { cell: i, score });
    if (best.length > rankedAtMost) best.pop();
  }

  const ranked = best.map(({ cell, score }) => ({
    ...reference(cells, cell),
    score: rounded(score),
    terms: terms.map((term) => ({
      rule: term.name,
      value: rounded(term.value(cells, cell, request, policy)),
      weight: term.weight,
    })),
  }));
  const explained: Decision["removed"] = [];
  for (const [f, rule] of filters.entries()) {
    const by = removed[f];
    if (!by || by.count === 0) continue;
    const examples = by.examples.map((i) => ({
      ...reference(cells, i),
      reason: rule.reason(cells, i, request, policy),
    }));
    explained.push({ rule: rule.name, count: by.count, examples });
  }
  const [first, second] = ranked;
  return {
    pool,
    policy: policy.name,
    request,
    considered: cells.count,
    ...(first ? { winner: { cell: first.cell, name: first.name, score: first.score } } : {}),
    ...(second ? { runnerUp: { cell: second.cell, name: second.name, score: second.score } } : {}),
    ranked,
    removed: explained,
    ...(first ? {} : { smallestChange: smallestChange(cells, request, policy) }),
    summary: summarize(pool, policy, cells.count, explained, first?.name),
  };
}

const precedes = (cells: Snapshot, cell: number, score: number, other: { cell: number; score: number }): boolean =>
  score < other.score || (score === other.score && idOf(cells, cell) < idOf(cells, other.cell));

const idOf = (cells: Snapshot, i: number): CellId => {
  const id = cells.ids[i];
  if (id === undefined) throw new RangeError(`The snapshot has no cell ${i}`);
  return id;
};
const reference = (cells: Snapshot, i: number) => ({ cell: idOf(cells, i), name: cells.names[i] ?? "" });
const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;

function summarize(
  pool: PoolName,
  policy: Policy,
  considered: number,
  removed: Decision["removed"],
  winner: string | undefined,
): string {
  if (considered === 0) return `Pool ${pool} has no cells.`;
  const lost = removed.reduce((sum, rule) => sum + rule.count, 0);
  if (!winner) {
    const why = removed.map(({ rule, count }) => `${rule} removed ${count}`).join(", ");
    return `None of the ${considered} cells of pool ${pool} can take it: ${why}.`;
  }
  const fit = considered - lost;
  const among = fit === 1 ? "is the only cell that fits" : `of the ${fit} cells that fit`;
  const how = policy.name === "pack" ? "leaves the least room unused" : "has the lowest weighted load";
  const rest = lost === 0 ? "" : `; ${lost} of ${considered} cannot take it`;
  return fit === 1 ? `${winner} ${among}${rest}.` : `${winner} ${how} ${among}${rest}.`;
}
