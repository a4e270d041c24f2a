/**
 * More room on the cell an instance is on already. A reservation is the instance's row: what the row says is promised.
 */
import { type CellId, NanoError } from "@nano/contract";
import type { Write } from "../events/journal.ts";
import type { InstanceDeps } from "./deps.ts";
import type { StoredInstance } from "./store.ts";
import { usageOfCell } from "./usage.ts";

/** @throws NanoError `no-room` with the numbers */
export async function requireStorage(
  { registry }: Pick<InstanceDeps, "registry">,
  trx: Write,
  { cell, name }: Pick<StoredInstance, "cell" | "name">,
  moreGiB: number,
): Promise<void> {
  const total = registry.get(cell).stored.capacity.storageGiB;
  const free = total - (await usageOfCell(trx, cell)).storageGiB;
  if (moreGiB <= free) return;
  throw new NanoError(
    "no-room",
    `${name} needs ${moreGiB} GiB more, ${Math.max(0, free)} GiB are free of ${total} on ${registry.nameOf(cell)}`,
    {
      remedy: "Ask for less, or remove disks that nobody needs from that cell.",
      details: { neededGiB: moreGiB, freeGiB: Math.max(0, free), totalGiB: total },
    },
  );
}

/**
 * Has placement know what the rows of a cell's instances say now; if they cannot be read now, the next decision reads
 * them. Never fails.
 */
export async function refreshUsage(
  { db, registry, clock, log }: Pick<InstanceDeps, "db" | "registry" | "clock" | "log">,
  cell: CellId,
): Promise<void> {
  try {
    registry.setUsage(cell, await usageOfCell(db, cell), clock.monotonic());
  } catch (error) {
    registry.doubtUsage(cell);
    log.warn("Could not read what is reserved on a cell", { cell, error });
  }
}
