import { at, promisableCores, promisableMemoryMiB, type Scorer, share, type Value } from "../rule.ts";

/** Decides between cells that are about equally full. */
const weight = 0.1;
const value: Value = (cells, i, request, policy) =>
  Math.abs(
    share(at(cells.reservedCores, i) + request.cores, promisableCores(cells, i, policy)) -
      share(at(cells.reservedMemoryMiB, i) + request.memoryMiB, promisableMemoryMiB(cells, i, policy)),
  );

/** For `pack`: cores left without memory, or memory without cores, are lost to everyone. */
export const imbalance: Scorer = {
  name: "imbalance",
  weight,
  value,
  score({ cells, request, policy, rows, scores, count }) {
    for (let k = 0; k < count; k++) scores[k] = (scores[k] ?? 0) + weight * value(cells, rows[k] ?? 0, request, policy);
  },
};
