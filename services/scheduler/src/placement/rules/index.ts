/** The rules in force. Filters are asked in this order; the first that removes a cell is the one that is named. */
import type { Filter, Policy, Scorer } from "../rule.ts";
import { abilities } from "./abilities.ts";
import { cores } from "./cores.ts";
import { cpuLoad } from "./cpu-load.ts";
import { emulation } from "./emulation.ts";
import { enabled } from "./enabled.ts";
import { imbalance } from "./imbalance.ts";
import { leftover } from "./leftover.ts";
import { memory } from "./memory.ts";
import { memoryInUse } from "./memory-in-use.ts";
import { memoryLoad } from "./memory-load.ts";
import { online } from "./online.ts";
import { reservedCores } from "./reserved-cores.ts";
import { reservedMemory } from "./reserved-memory.ts";
import { reservedStorage } from "./reserved-storage.ts";
import { storage } from "./storage.ts";
import { storageInUse } from "./storage-in-use.ts";
import { storageLoad } from "./storage-load.ts";

export const filters: readonly Filter[] = [
  online,
  enabled,
  abilities,
  cores,
  memory,
  memoryInUse,
  storage,
  storageInUse,
];

export const scorers: Readonly<Record<Policy["name"], readonly Scorer[]>> = {
  "lowest-load": [cpuLoad, memoryLoad, storageLoad, reservedCores, reservedMemory, reservedStorage, emulation],
  pack: [leftover, imbalance, emulation],
};
