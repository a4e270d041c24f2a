import { at, type Scorer, share } from "../rule.ts";

/** How much of the host's memory is in use now. */
export const memoryLoad: Scorer = {
  name: "memory-load",
  weight: 0.75,
  value: (cells, i) => share(at(cells.memoryUsedMiB, i), at(cells.memoryMiB, i)),
};
