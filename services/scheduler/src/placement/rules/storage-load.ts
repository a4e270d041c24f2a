import { at, type Scorer, share, type Value } from "../rule.ts";

const weight = 0.25;
const value: Value = (cells, i) => share(at(cells.storageUsedGiB, i), at(cells.storageGiB, i));

/** How full the storage pool is now. */
export const storageLoad: Scorer = {
  name: "storage-load",
  weight,
  value,
  score({ cells, request, policy, rows, scores, count }) {
    for (let k = 0; k < count; k++) scores[k] = (scores[k] ?? 0) + weight * value(cells, rows[k] ?? 0, request, policy);
  },
};
