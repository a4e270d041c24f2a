/**
 * Keeps log files small. A program holds its file open, so the file is copied and then emptied in place (as logrotate's
 * `copytruncate`): lines written between the two are lost, which is the price for needing no word from the program.
 */
import { constants, openSync, statSync } from "node:fs";
import { copyFile, readdir, rename, stat, truncate } from "node:fs/promises";
import { join } from "node:path";

export const logLimitBytes = 8 * 1024 * 1024;
const kept = 2;

/**
 * Opens a log for appending. An operator may have put a link, a device or a pipe in its place: it is followed, and a
 * pipe that nobody reads yet does not hold up the start.
 * @returns a file descriptor, the caller's to close
 */
export function openLog(path: string): number {
  const pipe = statSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
  return openSync(path, pipe ? constants.O_RDWR : "a", 0o640);
}

/** Looks at every log in the directory once. */
export async function rotateLogs(directory: string, limitBytes = logLimitBytes): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.endsWith(".log")) continue;
    const path = join(directory, name);
    const size = await stat(path).then(
      (found) => (found.isFile() ? found.size : 0),
      () => 0,
    );
    if (size <= limitBytes) continue;
    for (let age = kept; age > 1; age--) await rename(`${path}.${age - 1}`, `${path}.${age}`).catch(() => undefined);
    await copyFile(path, `${path}.1`, constants.COPYFILE_FICLONE);
    await truncate(path, 0);
  }
}
