import { type Admits, at, because, type Filter } from "../rule.ts";

/** New disks are sparse, yet a storage pool that is full this minute takes not even their first bytes. */
const leastFreeGiB = 1;

const admits: Admits = (cells, i) => at(cells.storageGiB, i) - at(cells.storageUsedGiB, i) >= leastFreeGiB;

export const storageInUse: Filter = {
  name: "storage-in-use",
  admits,
  sift(scan) {
    for (let k = 0, n = scan.begin(); k < n; k++)
      scan.keep(k, admits(scan.cells, scan.row(k), scan.request, scan.policy));
  },
  reason: (cells, i) =>
    because`its storage is full: ${at(cells.storageUsedGiB, i)} GiB of ${at(cells.storageGiB, i)} are used`,
  remedy: (cells, i) => `free some storage on ${cells.names[i]}`,
};
