import { at, promisableMemoryMiB, type Scorer, share } from "../rule.ts";

/** Memory promised, this instance included. */
export const reservedMemory: Scorer = {
  name: "reserved-memory",
  weight: 0.75,
  value: (cells, i, request, policy) =>
    share(at(cells.reservedMemoryMiB, i) + request.memoryMiB, promisableMemoryMiB(cells, i, policy)),
};
