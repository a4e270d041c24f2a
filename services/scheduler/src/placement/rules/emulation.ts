import type { Scorer } from "../rule.ts";

/** A host without KVM runs instances ten times slower: only when nothing else has room. */
export const emulation: Scorer = {
  name: "emulation",
  weight: 4,
  value: (cells, i) => (cells.emulated[i] === 1 ? 1 : 0),
};
