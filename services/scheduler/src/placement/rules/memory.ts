import { type Admits, at, because, type Filter, promisableMemoryMiB } from "../rule.ts";

const admits: Admits = (cells, i, request, policy) =>
  request.memoryMiB + at(cells.reservedMemoryMiB, i) <= promisableMemoryMiB(cells, i, policy);

/** Memory is promised once: what the host has, less what it keeps for itself. */
export const memory: Filter = {
  name: "memory",
  lack: "too little free memory",
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
  reason: (cells, i, request, policy) => {
    const total = Math.floor(promisableMemoryMiB(cells, i, policy));
    return because`needs ${request.memoryMiB} MiB, ${total - at(cells.reservedMemoryMiB, i)} MiB free of ${total}`;
  },
  shortfall: (cells, i, request, policy) => ({
    resource: "memoryMiB",
    by: request.memoryMiB - (promisableMemoryMiB(cells, i, policy) - at(cells.reservedMemoryMiB, i)),
  }),
};
