/** What processes cost, as the kernel counts it (proc(5)). */
import { readFileSync } from "node:fs";

/**
 * Memory of a group of processes in bytes: what each has for itself, and once what they have of the same files (the Bun
 * binary, mostly). It is the sum of their proportional set sizes (PSS) on a machine where nobody else runs Bun; PSS
 * itself would shrink with every neighbour that does.
 */
export function memoryOf(pids: readonly number[]): number {
  const own = pids.reduce((sum, pid) => sum + kibibytes(`/proc/${pid}/smaps_rollup`, "Pss_Anon"), 0);
  return (own + Math.max(...pids.map((pid) => kibibytes(`/proc/${pid}/status`, "RssFile")))) * 1024;
}

/** Resident memory now, in bytes. */
export const resident = (pid: number): number => kibibytes(`/proc/${pid}/status`, "VmRSS") * 1024;

const ticksPerSecond = 100;
/** Seconds of processor time the process has used since it began. */
export function cpuSeconds(pid: number): number {
  // The name in parentheses may hold anything; utime and stime are the 12th and 13th field behind it.
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Looks at the process's memory until it is told to stop; then, the most it ever had, in bytes. */
export function watchMemory(pid: number): { stop(): number } {
  let most = resident(pid);
  const timer = setInterval(() => {
    most = Math.max(most, resident(pid));
  }, 20);
  return {
    stop() {
      clearInterval(timer);
      return Math.max(most, resident(pid));
    },
  };
}

function kibibytes(file: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(file, "latin1"))?.[1];
  if (found === undefined) throw new Error(`${file} does not tell ${name}`);
  return Number(found);
}
