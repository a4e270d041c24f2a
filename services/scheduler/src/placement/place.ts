/**
 * Where an instance goes: a pure function of what is known of the cells, what is asked for and the policy.
 *
 * The filters sift the cells one after the other: a cell is removed by the first filter that does not admit it, is
 * counted there, and the first few are kept as examples. Then each scorer adds its weighted term to the score of every
 * cell that is left; the lower the better. The ten best are picked, and only for those few and the examples words are
 * made. So explaining costs the same for ten cells and for ten thousand.
 *
 * Equal scores are told apart by the ids, so the same cells always give the same decision.
 */
import type { CellId, Decision, PoolName } from "@nano/contract";
import { at, type Policy } from "./rule.ts";
import { filters, scorers } from "./rules/index.ts";
import { Scan } from "./scan.ts";
import { smallestChange } from "./smallest-change.ts";
import type { PlacementRequest, Snapshot } from "./snapshot.ts";

export type PlacementDecision = Omit<Decision, "id" | "at">;

const rankedAtMost = 10;

export function place(cells: Snapshot, pool: PoolName, request: PlacementRequest, policy: Policy): PlacementDecision {
  const terms = scorers[policy.name];
  const scan = new Scan(cells, request, policy);
  const removed = filters.map((rule) => ({ rule, by: scan.sift(rule) }));
  scan.score(terms);
  const best = bestOf(scan);

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
  for (const { rule, by } of removed) {
    if (by.count === 0) continue;
    const examples = by.examples.map((i) => ({
      ...reference(cells, i),
      reason: rule.reason(cells, i, request, policy),
    }));
    explained.push({ rule: rule.name, count: by.count, examples });
  }
  const [first, second] = ranked;
  const { cores, memoryMiB, storageGiB, needs = [] } = request;
  return {
    pool,
    policy: policy.name,
    request: { cores, memoryMiB, storageGiB },
    ...(needs.length > 0 ? { needs: [...needs] } : {}),
    considered: cells.count,
    ...(first ? { winner: { cell: first.cell, name: first.name, score: first.score } } : {}),
    ...(second ? { runnerUp: { cell: second.cell, name: second.name, score: second.score } } : {}),
    ranked,
    removed: explained,
    ...(first ? {} : { smallestChange: smallestChange(cells, request, policy) }),
    summary: summarize(pool, policy, cells.count, explained, first?.name),
  };
}

/** The first few, best first. */
function bestOf(scan: Scan): { cell: number; score: number }[] {
  const best: { cell: number; score: number }[] = [];
  let bar = Number.POSITIVE_INFINITY;
  for (let k = 0; k < scan.count; k++) {
    const score = scan.scores[k] ?? 0;
    if (score > bar) continue;
    const cell = scan.rows[k] ?? 0;
    let position = best.length;
    for (; position > 0; position--) {
      const other = best[position - 1];
      if (other && !precedes(scan.cells, cell, score, other)) break;
    }
    if (position === rankedAtMost) continue;
    best.splice(position, 0, { cell, score });
    if (best.length > rankedAtMost) best.pop();
    if (best.length === rankedAtMost) bar = best[rankedAtMost - 1]?.score ?? bar;
  }
  return best;
}

const precedes = (cells: Snapshot, cell: number, score: number, other: { cell: number; score: number }): boolean =>
  score < other.score || (score === other.score && at(cells.tieBreak, cell) < at(cells.tieBreak, other.cell));

const idOf = (cells: Snapshot, i: number): CellId => {
  const id = cells.ids[i];
  if (id === undefined) throw new RangeError(`The snapshot has no cell ${i}`);
  return id;
};
const reference = (cells: Snapshot, i: number) => ({ cell: idOf(cells, i), name: cells.names[i] ?? "" });
const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;

const lackOf = (rule: string): string => filters.find(({ name }) => name === rule)?.lack ?? rule;

function summarize(
  pool: PoolName,
  policy: Policy,
  considered: number,
  removed: Decision["removed"],
  winner: string | undefined,
): string {
  if (considered === 0) return `Pool ${pool} has no cells.`;
  const lost = removed.reduce((sum, rule) => sum + rule.count, 0);
  const why = removed
    .map(({ rule, count }) => (lost === 1 || removed.length === 1 ? lackOf(rule) : `${lackOf(rule)} (${count})`))
    .join(", ");
  if (!winner) {
    const who = considered === 1 ? "The only cell" : `None of the ${considered} cells`;
    return `${who} of pool ${pool} ${considered === 1 ? "can't" : "can"} take it: ${why}.`;
  }
  const fit = considered - lost;
  const among = fit === 1 ? "is the only cell that fits" : `of the ${fit} cells that fit`;
  const how = policy.name === "pack" ? "leaves the least room unused" : "has the lowest weighted load";
  const rest = lost === 0 ? "" : `; ${lost} of ${considered} can't take it: ${why}`;
  return fit === 1 ? `${winner} ${among}${rest}.` : `${winner} ${how} ${among}${rest}.`;
}
