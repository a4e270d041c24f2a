import { at, type Scorer, share, type Value } from "../rule.ts";

const weight = 0.25;
const value: Value = (cells, i, request) =>
  share(at(cells.reservedStorageGiB, i) + request.storageGiB, at(cells.storageGiB, i));

/** Storage promised, this instance included. */
export const reservedStorage: Scorer = {
  name: "reserved-storage",
  weight,
  value,
  score(scan) {
    for (let k = 0; k < scan.count; k++)
      scan.add(k, weight * value(scan.cells, scan.row(k), scan.request, scan.policy));
  },
};
