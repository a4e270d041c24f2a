import { type Admits, at, because, type Filter } from "../rule.ts";

const admits: Admits = (cells, i) => cells.enabled[i] === 1;

/** A disabled cell keeps what it has and takes nothing new. */
export const enabled: Filter = {
  name: "enabled",
  admits,
  sift(scan) {
    for (let k = 0, n = scan.begin(); k < n; k++)
      scan.keep(k, admits(scan.cells, scan.row(k), scan.request, scan.policy));
  },
  reason: (cells, i) => because`disabled; it keeps its ${at(cells.instances, i)} instances and takes no new ones`,
  remedy: (cells, i) => `enable ${cells.names[i]}`,
};
