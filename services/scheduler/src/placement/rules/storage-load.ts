import { at, type Scorer, share, type Value } from "../rule.ts";

const weight = 0.25;
const value: Value = (cells, i) => share(at(cells.storageUsedGiB, i), at(cells.storageGiB, i));

/** How full the storage pool is now. */
export const storageLoad: Scorer = {
  name: "storage-load",
  weight,
  value,
  score(scan) {
    for (let k = 0; k < scan.count; k++)
      scan.add(k, weight * value(scan.cells, scan.row(k), scan.request, scan.policy));
  },
};
