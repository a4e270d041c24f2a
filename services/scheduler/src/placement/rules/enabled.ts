import { type Admits, at, because, type Filter } from "../rule.ts";

const admits: Admits = (cells, i) => cells.enabled[i] === 1;

/** A disabled cell keeps what it has and takes nothing new. */
export const enabled: Filter = {
  name: "enabled",
  lack: "disabled",
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
  reason: (cells, i) => because`disabled; it keeps its ${at(cells.instances, i)} instances and takes no new ones`,
  remedy: (cells, i) => `enable ${cells.names[i]}`,
};
