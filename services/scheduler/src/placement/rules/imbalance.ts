import { at, promisableCores, promisableMemoryMiB, type Scorer, share } from "../rule.ts";

/** For `pack`: cores left without memory, or memory without cores, are lost to everyone. */
export const imbalance: Scorer = {
  name: "imbalance",
  weight: 1,
  value: (cells, i, request, policy) =>
    Math.abs(
      share(at(cells.reservedCores, i) + request.cores, promisableCores(cells, i, policy)) -
        share(at(cells.reservedMemoryMiB, i) + request.memoryMiB, promisableMemoryMiB(cells, i, policy)),
    ),
};
