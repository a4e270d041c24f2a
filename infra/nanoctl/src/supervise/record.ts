/** Which processes belong to the zone, kept in a file so that a later nanoctl can clean up after a crashed one. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { decodeProcessId, isAlive, type ProcessId } from "./process-id.ts";

export interface ProcessRecord {
  readonly supervisor: ProcessId;
  readonly units: Readonly<Record<string, ProcessId>>;
}

/** Synchronous, because a process must be on record before anything else can happen to us. */
export function writeRecord(path: string, record: ProcessRecord): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(record, undefined, 2), { mode: 0o600 });
  renameSync(temporary, path);
}

/** What of the recorded processes still runs; an unreadable record names none. */
export function survivors(path: string): { supervisor?: ProcessId; units: Map<string, ProcessId> } {
  const units = new Map<string, ProcessId>();
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return { units };
  }
  if (typeof value !== "object" || value === null) return { units };
  if ("units" in value && typeof value.units === "object" && value.units !== null) {
    for (const [name, id] of Object.entries(value.units)) {
      const unit = decodeProcessId(id);
      if (unit && isAlive(unit)) units.set(name, unit);
    }
  }
  const supervisor = "supervisor" in value ? decodeProcessId(value.supervisor) : undefined;
  return supervisor && isAlive(supervisor) ? { supervisor, units } : { units };
}

export function removeRecord(path: string): void {
  rmSync(path, { force: true });
}
