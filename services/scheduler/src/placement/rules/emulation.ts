import type { Scorer, Value } from "../rule.ts";

const weight = 4;
const value: Value = (cells, i) => (cells.emulated[i] === 1 ? 1 : 0);

/** A host without KVM runs instances ten times slower: only when nothing else has room. */
export const emulation: Scorer = {
  name: "emulation",
  weight,
  value,
  score(scan) {
    for (let k = 0; k < scan.count; k++)
      scan.add(k, weight * value(scan.cells, scan.row(k), scan.request, scan.policy));
  },
};
