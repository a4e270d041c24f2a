import { at, type Scorer, share, type Value } from "../rule.ts";

const weight = 0.75;
const value: Value = (cells, i) => share(at(cells.memoryUsedMiB, i), at(cells.memoryMiB, i));

/** How much of the host's memory is in use now. */
export const memoryLoad: Scorer = {
  name: "memory-load",
  weight,
  value,
  score({ cells, request, policy, rows, scores, count }) {
    for (let k = 0; k < count; k++) scores[k] = (scores[k] ?? 0) + weight * value(cells, rows[k] ?? 0, request, policy);
  },
};
