import { at, promisableCores, promisableMemoryMiB, type Scorer, share, type Value } from "../rule.ts";

const weight = 1;
const value: Value = (cells, i, request, policy) => {
  const ofCores = share(at(cells.reservedCores, i) + request.cores, promisableCores(cells, i, policy));
  const ofMemory = share(at(cells.reservedMemoryMiB, i) + request.memoryMiB, promisableMemoryMiB(cells, i, policy));
  const ofStorage = share(at(cells.reservedStorageGiB, i) + request.storageGiB, at(cells.storageGiB, i));
  return 1 - Math.max(ofCores, ofMemory, ofStorage);
};

/**
 * For `pack`: how much the cell would have left of what it would have least of. The fullest cell that still fits wins
 * (best fit), so that large instances keep finding empty cells.
 */
export const leftover: Scorer = {
  name: "leftover",
  weight,
  value,
  score({ cells, request, policy, rows, scores, count }) {
    for (let k = 0; k < count; k++) scores[k] = (scores[k] ?? 0) + weight * value(cells, rows[k] ?? 0, request, policy);
  },
};
