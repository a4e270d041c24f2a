import { at, type Scorer, share, type Value } from "../rule.ts";

const weight = 0.75;
const value: Value = (cells, i) => share(at(cells.memoryUsedMiB, i), at(cells.memoryMiB, i));

/** How much of the host's memory is in use now. */
export const memoryLoad: Scorer = {
  name: "memory-load",
  weight,
  value,
  score(scan) {
    for (let k = 0; k < scan.count; k++)
      scan.add(k, weight * value(scan.cells, scan.row(k), scan.request, scan.policy));
  },
};
