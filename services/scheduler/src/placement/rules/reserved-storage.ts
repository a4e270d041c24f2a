import { at, type Scorer, share, type Value } from "../rule.ts";

const weight = 0.25;
const value: Value = (cells, i, request) =>
  share(at(cells.reservedStorageGiB, i) + request.storageGiB, at(cells.storageGiB, i));

/** Storage promised, this instance included. */
export const reservedStorage: Scorer = {
  name: "reserved-storage",
  weight,
  value,
  score({ cells, request, policy, rows, scores, count }) {
    for (let k = 0; k < count; k++) scores[k] = (scores[k] ?? 0) + weight * value(cells, rows[k] ?? 0, request, policy);
  },
};
