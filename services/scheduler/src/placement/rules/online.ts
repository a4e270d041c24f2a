import { type Admits, at, because, type Filter } from "../rule.ts";

const admits: Admits = (cells, i) => cells.online[i] === 1;

/** A cell that does not answer takes nothing. */
export const online: Filter = {
  name: "online",
  lack: "it does not answer",
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
  reason: (cells, i) => because`silent for ${Math.round(at(cells.silentSeconds, i))} s`,
  remedy: (cells, i) => `bring ${cells.names[i]} back, it does not answer`,
};
