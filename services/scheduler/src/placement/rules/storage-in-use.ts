import { at, because, type Filter } from "../rule.ts";

/** New disks are sparse, yet a storage pool that is full this minute takes not even their first bytes. */
const leastFreeGiB = 1;

export const storageInUse: Filter = {
  name: "storage-in-use",
  admits: (cells, i) => at(cells.storageGiB, i) - at(cells.storageUsedGiB, i) >= leastFreeGiB,
  reason: (cells, i) =>
    because`its storage is full: ${at(cells.storageUsedGiB, i)} GiB of ${at(cells.storageGiB, i)} are used`,
  remedy: (cells, i) => `free some storage on ${cells.names[i]}`,
};
