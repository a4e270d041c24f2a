import { at, type Scorer, share } from "../rule.ts";

/** Storage promised, this instance included. */
export const reservedStorage: Scorer = {
  name: "reserved-storage",
  weight: 0.25,
  value: (cells, i, request) => share(at(cells.reservedStorageGiB, i) + request.storageGiB, at(cells.storageGiB, i)),
};
