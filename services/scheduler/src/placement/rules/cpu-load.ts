import { at, type Scorer, share, type Value } from "../rule.ts";

const weight = 1;
const value: Value = (cells, i) => share(at(cells.cpuPercent, i), 100);

/** How busy the host's processors are now. */
export const cpuLoad: Scorer = {
  name: "cpu-load",
  weight,
  value,
  score(scan) {
    for (let k = 0; k < scan.count; k++)
      scan.add(k, weight * value(scan.cells, scan.row(k), scan.request, scan.policy));
  },
};
