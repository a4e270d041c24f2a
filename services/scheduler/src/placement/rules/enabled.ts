import { at, because, type Filter } from "../rule.ts";

/** A disabled cell keeps what it has and takes nothing new. */
export const enabled: Filter = {
  name: "enabled",
  admits: (cells, i) => cells.enabled[i] === 1,
  reason: (cells, i) => because`disabled; it keeps its ${at(cells.instances, i)} instances and takes no new ones`,
  remedy: (cells, i) => `enable ${cells.names[i]}`,
};
