import { type Admits, at, because, type Filter } from "../rule.ts";

/** New disks are sparse, yet a storage pool that is full this minute takes not even their first bytes. */
const leastFreeGiB = 1;

const admits: Admits = (cells, i) => at(cells.storageGiB, i) - at(cells.storageUsedGiB, i) >= leastFreeGiB;

export const storageInUse: Filter = {
  name: "storage-in-use",
  lack: "its storage is full",
  admits,
  sift({ cells, request, policy, rows, removed, count }) {
    let kept = 0;
    for (let k = 0; k < count; k++) {
      const i = rows[k] ?? 0;
      if (admits(cells, i, request, policy)) rows[kept++] = i;
      else removed[k - kept] = i;
    }
    return kept;
  },
  reason: (cells, i) =>
    because`its storage is full: ${at(cells.storageUsedGiB, i)} GiB of ${at(cells.storageGiB, i)} are used`,
  remedy: (cells, i) => `free some storage on ${cells.names[i]}`,
};
