import { at, because, type Filter } from "../rule.ts";

/** A cell that does not answer takes nothing. */
export const online: Filter = {
  name: "online",
  admits: (cells, i) => cells.online[i] === 1,
  reason: (cells, i) => because`silent for ${Math.round(at(cells.silentSeconds, i))} s`,
  remedy: (cells, i) => `bring ${cells.names[i]} back, it does not answer`,
};
