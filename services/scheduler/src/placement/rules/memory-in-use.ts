import { type Admits, at, because, type Filter } from "../rule.ts";

const admits: Admits = (cells, i, request) => request.memoryMiB <= at(cells.memoryMiB, i) - at(cells.memoryUsedMiB, i);

/** Whatever else runs on the host needs memory too: an instance must fit into what is free right now. */
export const memoryInUse: Filter = {
  name: "memory-in-use",
  admits,
  sift(scan) {
    for (let k = 0, n = scan.begin(); k < n; k++)
      scan.keep(k, admits(scan.cells, scan.row(k), scan.request, scan.policy));
  },
  reason: (cells, i, request) =>
    because`needs ${request.memoryMiB} MiB, the host uses ${at(cells.memoryUsedMiB, i)} MiB of its ${at(cells.memoryMiB, i)}`,
  shortfall: (cells, i, request) => ({
    resource: "memoryMiB",
    by: request.memoryMiB - (at(cells.memoryMiB, i) - at(cells.memoryUsedMiB, i)),
  }),
};
