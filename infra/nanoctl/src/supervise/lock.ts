/** One `up` or `down` at a time for one data directory. */
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { Problem } from "../problem.ts";
import { decodeProcessId, identify, isAlive } from "./process-id.ts";

/**
 * Holds the lock file while `work` runs. The file names its holder, so one left by a crash is recognised and taken
 * over.
 * @param path in an existing directory
 * @param patienceMs how long to wait for another holder
 * @throws {Problem} when another process holds it for longer
 */
export async function withLock<T>(path: string, patienceMs: number, work: () => Promise<T>): Promise<T> {
  const mine = `${path}.${process.pid}`;
  await writeFile(mine, JSON.stringify(identify(process.pid)), { mode: 0o600 });
  try {
    const deadline = performance.now() + patienceMs;
    // link(2) is the one call that creates a name, with its content, or fails because it exists.
    while (!(await link(mine, path).then(() => true, existsAlready))) {
      const holder = decodeProcessId(
        await readFile(path, "utf8")
          .then(JSON.parse)
          .catch(() => undefined),
      );
      if (holder && isAlive(holder)) {
        if (performance.now() > deadline) {
          throw new Problem(
            `another nanoctl (process ${holder.pid}) is at work on this zone`,
            "Wait for it, then repeat.",
          );
        }
        await Bun.sleep(50);
      } else {
        // Moved away rather than removed: of two who see the same dead holder, one finds nothing to move.
        await rename(path, `${mine}.stale`).catch(() => undefined);
      }
    }
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
    await rm(`${mine}.stale`, { force: true });
  }
}

function existsAlready(thrown: unknown): false {
  if (thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST") return false;
  throw thrown;
}
