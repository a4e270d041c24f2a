import { at, promisableCores, type Scorer, share, type Value } from "../rule.ts";

const weight = 1;
const value: Value = (cells, i, request, policy) =>
  share(at(cells.reservedCores, i) + request.cores, promisableCores(cells, i, policy));

/** Cores promised, this instance included: load that is still to come. */
export const reservedCores: Scorer = {
  name: "reserved-cores",
  weight,
  value,
  score(scan) {
    for (let k = 0; k < scan.count; k++)
      scan.add(k, weight * value(scan.cells, scan.row(k), scan.request, scan.policy));
  },
};
