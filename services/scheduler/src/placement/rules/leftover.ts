import { at, promisableCores, promisableMemoryMiB, type Scorer, share, type Value } from "../rule.ts";

const weight = 1;
const value: Value = (cells, i, request, policy) => {
  const ofCores = share(at(cells.reservedCores, i) + request.cores, promisableCores(cells, i, policy));
  const ofMemory = share(at(cells.reservedMemoryMiB, i) + request.memoryMiB, promisableMemoryMiB(cells, i, policy));
  const ofStorage = share(at(cells.reservedStorageGiB, i) + request.storageGiB, at(cells.storageGiB, i));
  return 1 - Math.max(ofCores, ofMemory, ofStorage);
};

/**
 * For `pack`: how much the cell would have left of what it would have least of. The fullest cell that still fits wins (best fit), so that large
 * instances keep finding empty cells.
 */
export const leftover: Scorer = {
  name: "leftover",
  weight,
  value,
  score(scan) {
    for (let k = 0; k < scan.count; k++)
      scan.add(k, weight * value(scan.cells, scan.row(k), scan.request, scan.policy));
  },
};
