import { at, because, type Filter, promisableMemoryMiB } from "../rule.ts";

/** Memory is promised once: what the host has, less what it keeps for itself. */
export const memory: Filter = {
  name: "memory",
  admits: (cells, i, request, policy) =>
    request.memoryMiB <= promisableMemoryMiB(cells, i, policy) - at(cells.reservedMemoryMiB, i),
  reason: (cells, i, request, policy) => {
    const total = promisableMemoryMiB(cells, i, policy);
    return because`needs ${request.memoryMiB} MiB, ${total - at(cells.reservedMemoryMiB, i)} MiB free of ${total}`;
  },
  shortfall: (cells, i, request, policy) => ({
    resource: "memoryMiB",
    by: request.memoryMiB - (promisableMemoryMiB(cells, i, policy) - at(cells.reservedMemoryMiB, i)),
  }),
};
