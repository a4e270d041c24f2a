import type { Scorer, Value } from "../rule.ts";

const weight = 4;
const value: Value = (cells, i) => (cells.emulated[i] === 1 ? 1 : 0);

/** A host without KVM runs instances ten times slower: only when nothing else has room. */
export const emulation: Scorer = {
  name: "emulation",
  weight,
  value,
  score({ cells, request, policy, rows, scores, count }) {
    for (let k = 0; k < count; k++) scores[k] = (scores[k] ?? 0) + weight * value(cells, rows[k] ?? 0, request, policy);
  },
};
