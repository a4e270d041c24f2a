import { type Admits, at, because, type Filter } from "../rule.ts";

const admits: Admits = (cells, i) => cells.online[i] === 1;

/** A cell that does not answer takes nothing. */
export const online: Filter = {
  name: "online",
  admits,
  sift(scan) {
    for (let k = 0, n = scan.begin(); k < n; k++)
      scan.keep(k, admits(scan.cells, scan.row(k), scan.request, scan.policy));
  },
  reason: (cells, i) => because`silent for ${Math.round(at(cells.silentSeconds, i))} s`,
  remedy: (cells, i) => `bring ${cells.names[i]} back, it does not answer`,
};
