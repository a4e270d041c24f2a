import { at, type Scorer, share } from "../rule.ts";

/** How busy the host's processors are now. */
export const cpuLoad: Scorer = {
  name: "cpu-load",
  weight: 1,
  value: (cells, i) => share(at(cells.cpuPercent, i), 100),
};
