import { type Admits, at, because, type Filter } from "../rule.ts";

const admits: Admits = (cells, i, request) => request.memoryMiB <= at(cells.memoryMiB, i) - at(cells.memoryUsedMiB, i);

/** Whatever else runs on the host needs memory too: an instance must fit into what is free right now. */
export const memoryInUse: Filter = {
  name: "memory-in-use",
  lack: "too little unused memory",
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
    because`needs ${request.memoryMiB} MiB, the host uses ${at(cells.memoryUsedMiB, i)} MiB of its ${at(cells.memoryMiB, i)}`,
  shortfall: (cells, i, request) => ({
    resource: "memoryMiB",
    by: request.memoryMiB - (at(cells.memoryMiB, i) - at(cells.memoryUsedMiB, i)),
  }),
};
