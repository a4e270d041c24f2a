import { type Admits, at, because, type Filter } from "../rule.ts";

const admits: Admits = (cells, i, request) =>
  request.storageGiB <= at(cells.storageGiB, i) - at(cells.reservedStorageGiB, i);

/** Disks grow to the size they were promised, so the promises fit into the storage pool. */
export const storage: Filter = {
  name: "storage",
  lack: "too little free storage",
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
  reason: (cells, i, request) =>
    because`needs ${request.storageGiB} GiB, ${at(cells.storageGiB, i) - at(cells.reservedStorageGiB, i)} GiB free of ${at(cells.storageGiB, i)}`,
  shortfall: (cells, i, request) => ({
    resource: "storageGiB",
    by: request.storageGiB - (at(cells.storageGiB, i) - at(cells.reservedStorageGiB, i)),
  }),
};
