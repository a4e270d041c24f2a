/**
 * Which process a number means. Process numbers are reused, so a number in a file proves nothing; the number, the
 * moment the process started (clock ticks since boot, field 22 of /proc/<pid>/stat, see proc(5)) and the boot's random
 * id together name one process for ever. Nothing here signals a process that is not exactly the one that was noted.
 */
import { readFileSync } from "node:fs";

export interface ProcessId {
  readonly pid: number;
  /** Clock ticks between the kernel's boot and the process's start. */
  readonly started: string;
  /** The boot this was in. */
  readonly boot: string;
}

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** The full name of a running process; undefined when there is none by that number, or only its remains (a zombie). */
export function identify(pid: number): ProcessId | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The command's name, the second field, may itself contain blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  const started = fields[19];
  if (!started || state === "Z" || state === "X") return undefined;
  return { pid, started, boot: bootId() };
}

export function isAlive(id: ProcessId): boolean {
  const now = identify(id.pid);
  return now !== undefined && now.started === id.started && now.boot === id.boot;
}

/** Sends the signal if that very process still runs. */
export function signal(id: ProcessId, name: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    process.kill(id.pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Asks each process to end, and ends those that have not within `graceMs`. Resolves when none is left. */
export async function endAll(ids: readonly ProcessId[], graceMs: number): Promise<void> {
  for (const id of ids) signal(id, "SIGTERM");
  const deadline = performance.now() + graceMs;
  while (ids.some(isAlive) && performance.now() < deadline) await Bun.sleep(20);
  for (const id of ids) signal(id, "SIGKILL");
  while (ids.some(isAlive)) await Bun.sleep(20);
}

/** Decodes what {@link identify} once gave and a file kept. */
export function decodeProcessId(value: unknown): ProcessId | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!("pid" in value) || !("started" in value) || !("boot" in value)) return undefined;
  const { pid, started, boot } = value;
  if (typeof pid !== "number" || typeof started !== "string" || typeof boot !== "string") return undefined;
  return { pid, started, boot };
}

/** Resident memory in bytes: the process's proportional share if we may see it, its resident set otherwise. */
export function memoryOf(pid: number): number | undefined {
  const field = (file: string, name: string): number | undefined => {
    try {
      const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/${file}`, "utf8"))?.[1];
      return found === undefined ? undefined : Number(found) * 1024;
    } catch {
      return undefined;
    }
  };
  return field("smaps_rollup", "Pss") ?? field("status", "VmRSS");
}
