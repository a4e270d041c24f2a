import { at, promisableMemoryMiB, type Scorer, share, type Value } from "../rule.ts";

const weight = 0.75;
const value: Value = (cells, i, request, policy) =>
  share(at(cells.reservedMemoryMiB, i) + request.memoryMiB, promisableMemoryMiB(cells, i, policy));

/** Memory promised, this instance included. */
export const reservedMemory: Scorer = {
  name: "reserved-memory",
  weight,
  value,
  score({ cells, request, policy, rows, scores, count }) {
    for (let k = 0; k < count; k++) scores[k] = (scores[k] ?? 0) + weight * value(cells, rows[k] ?? 0, request, policy);
  },
};
