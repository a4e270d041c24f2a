import { type Admits, at, because, type Filter } from "../rule.ts";

const admits: Admits = (cells, i, request) =>
  request.storageGiB <= at(cells.storageGiB, i) - at(cells.reservedStorageGiB, i);

/** Disks grow to the size they were promised, so the promises fit into the storage pool. */
export const storage: Filter = {
  name: "storage",
  admits,
  sift(scan) {
    for (let k = 0, n = scan.begin(); k < n; k++)
      scan.keep(k, admits(scan.cells, scan.row(k), scan.request, scan.policy));
  },
  reason: (cells, i, request) =>
    because`needs ${request.storageGiB} GiB, ${at(cells.storageGiB, i) - at(cells.reservedStorageGiB, i)} GiB free of ${at(cells.storageGiB, i)}`,
  shortfall: (cells, i, request) => ({
    resource: "storageGiB",
    by: request.storageGiB - (at(cells.storageGiB, i) - at(cells.reservedStorageGiB, i)),
  }),
};
