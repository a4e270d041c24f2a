import { at, promisableCores, promisableMemoryMiB, type Scorer, share } from "../rule.ts";

/**
 * For `pack`: how much room the cell would have left. The fullest cell that still fits wins (best fit), so that large instances
 * keep finding empty cells.
 */
export const leftover: Scorer = {
  name: "leftover",
  weight: 1,
  value: (cells, i, request, policy) => {
    const ofCores = 1 - share(at(cells.reservedCores, i) + request.cores, promisableCores(cells, i, policy));
    const ofMemory =
      1 - share(at(cells.reservedMemoryMiB, i) + request.memoryMiB, promisableMemoryMiB(cells, i, policy));
    const ofStorage = 1 - share(at(cells.reservedStorageGiB, i) + request.storageGiB, at(cells.storageGiB, i));
    return (ofCores + ofMemory + ofStorage) / 3;
  },
};
