import { at, type Scorer, share } from "../rule.ts";

/** How full the storage pool is now. */
export const storageLoad: Scorer = {
  name: "storage-load",
  weight: 0.25,
  value: (cells, i) => share(at(cells.storageUsedGiB, i), at(cells.storageGiB, i)),
};
