import { at, because, type Filter } from "../rule.ts";

/** Whatever else runs on the host needs memory too: an instance must fit into what is free right now. */
export const memoryInUse: Filter = {
  name: "memory-in-use",
  admits: (cells, i, request) => request.memoryMiB <= at(cells.memoryMiB, i) - at(cells.memoryUsedMiB, i),
  reason: (cells, i, request) =>
    because`needs ${request.memoryMiB} MiB, the host uses ${at(cells.memoryUsedMiB, i)} MiB of its ${at(cells.memoryMiB, i)}`,
  shortfall: (cells, i, request) => ({
    resource: "memoryMiB",
    by: request.memoryMiB - (at(cells.memoryMiB, i) - at(cells.memoryUsedMiB, i)),
  }),
};
