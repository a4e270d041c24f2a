import { type Admits, at, because, type Filter, promisableCores } from "../rule.ts";

const admits: Admits = (cells, i, request, policy) =>
  request.cores + at(cells.reservedCores, i) <= promisableCores(cells, i, policy) &&
  request.cores <= at(cells.cores, i);

/** The virtual cores promised on a cell stay within its threads times the policy's overcommit. */
export const cores: Filter = {
  name: "cores",
  lack: "too few free cores",
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
    const total = Math.floor(promisableCores(cells, i, policy));
    // One instance with more cores than the host has threads only gets in its own way.
    if (request.cores > at(cells.cores, i))
      return because`needs ${request.cores} cores, the host has ${at(cells.cores, i)}`;
    return because`needs ${request.cores} cores, ${total - at(cells.reservedCores, i)} free of ${total}; instances that are off count, too`;
  },
  shortfall: (cells, i, request, policy) => ({
    resource: "cores",
    by: Math.max(
      request.cores - (promisableCores(cells, i, policy) - at(cells.reservedCores, i)),
      request.cores - at(cells.cores, i),
    ),
  }),
};
