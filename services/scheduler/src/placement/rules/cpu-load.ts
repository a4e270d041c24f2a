import { at, type Scorer, share, type Value } from "../rule.ts";

const weight = 1;
const value: Value = (cells, i) => share(at(cells.cpuPercent, i), 100);

/** How busy the host's processors are now. */
export const cpuLoad: Scorer = {
  name: "cpu-load",
  weight,
  value,
  score({ cells, request, policy, rows, scores, count }) {
    for (let k = 0; k < count; k++) scores[k] = (scores[k] ?? 0) + weight * value(cells, rows[k] ?? 0, request, policy);
  },
};
