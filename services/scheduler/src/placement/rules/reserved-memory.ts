import { at, promisableMemoryMiB, type Scorer, share, type Value } from "../rule.ts";

const weight = 0.75;
const value: Value = (cells, i, request, policy) =>
  share(at(cells.reservedMemoryMiB, i) + request.memoryMiB, promisableMemoryMiB(cells, i, policy));

/** Memory promised, this instance included. */
export const reservedMemory: Scorer = {
  name: "reserved-memory",
  weight,
  value,
  score(scan) {
    for (let k = 0; k < scan.count; k++)
      scan.add(k, weight * value(scan.cells, scan.row(k), scan.request, scan.policy));
  },
};
