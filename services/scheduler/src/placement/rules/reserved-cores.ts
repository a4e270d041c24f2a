import { at, promisableCores, type Scorer, share } from "../rule.ts";

/** Cores promised, this instance included: load that is still to come. */
export const reservedCores: Scorer = {
  name: "reserved-cores",
  weight: 1,
  value: (cells, i, request, policy) =>
    share(at(cells.reservedCores, i) + request.cores, promisableCores(cells, i, policy)),
};
