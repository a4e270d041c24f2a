import { at, promisableCores, type Scorer, share, type Value } from "../rule.ts";

const weight = 1;
const value: Value = (cells, i, request, policy) =>
  share(at(cells.reservedCores, i) + request.cores, promisableCores(cells, i, policy));

/** Cores promised, this instance included: load that is still to come. */
export const reservedCores: Scorer = {
  name: "reserved-cores",
  weight,
  value,
  score({ cells, request, policy, rows, scores, count }) {
    for (let k = 0; k < count; k++) scores[k] = (scores[k] ?? 0) + weight * value(cells, rows[k] ?? 0, request, policy);
  },
};
