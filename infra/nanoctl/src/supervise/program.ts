/** A unit's life as a program of its own, writing to a log file. */
import { closeSync } from "node:fs";
import { openLog } from "./log-file.ts";
import { endAll, identify } from "./process-id.ts";
import type { Life } from "./unit.ts";

export interface Program {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Standard output and error are appended here. */
  readonly log: string;
  /**
   * Resolves when it does its work: the life counts as begun from then on. Gives up when the signal says it has ended.
   */
  readonly ready?: (ended: AbortSignal) => Promise<void>;
}

/** @throws when the program cannot be started, or ends before it was ready. */
export async function beginProgram(program: Program): Promise<Life> {
  // The file itself, not a pipe: what the program says survives us, and it survives our absence.
  const log = openLog(program.log);
  let child: Bun.Subprocess<"ignore", number, number>;
  try {
    child = Bun.spawn({
      cmd: [...program.argv],
      cwd: program.directory,
      env: { ...program.environment },
      stdin: "ignore",
      stdout: log,
      stderr: log,
    });
  } finally {
    closeSync(log);
  }
  const process = identify(child.pid);
  const ended = child.exited.then(() =>
    child.signalCode ? `killed by ${child.signalCode}` : `exit code ${child.exitCode}`,
  );
  if (!process) throw new Error(await ended);
  if (program.ready) {
    const abort = new AbortController();
    try {
      const early = await Promise.race([program.ready(abort.signal).then(() => undefined), ended]);
      if (early !== undefined) throw new Error(early);
    } catch (thrown) {
      await endAll([process], 0);
      throw thrown;
    } finally {
      abort.abort();
    }
  }
  return {
    process,
    ended,
    async stop(graceMs) {
      await endAll([process], graceMs);
      await ended;
    },
  };
}
