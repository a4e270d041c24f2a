import { at, because, type Filter } from "../rule.ts";

/** Disks grow to the size they were promised, so the promises fit into the storage pool. */
export const storage: Filter = {
  name: "storage",
  admits: (cells, i, request) => request.storageGiB <= at(cells.storageGiB, i) - at(cells.reservedStorageGiB, i),
  reason: (cells, i, request) =>
    because`needs ${request.storageGiB} GiB, ${at(cells.storageGiB, i) - at(cells.reservedStorageGiB, i)} GiB free of ${at(cells.storageGiB, i)}`,
  shortfall: (cells, i, request) => ({
    resource: "storageGiB",
    by: request.storageGiB - (at(cells.storageGiB, i) - at(cells.reservedStorageGiB, i)),
  }),
};
