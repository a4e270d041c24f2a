/** `nanoctl down`: ends the zone's processes, drained; instances run on. Cleans up after a crashed supervisor, too. */
import { paths, readSettings, type Settings } from "./config.ts";
import { Problem } from "./problem.ts";
import { askStatus, askStop } from "./supervise/control.ts";
import { endLeftovers } from "./supervise/daemon.ts";
import { withLock } from "./supervise/lock.ts";
import { identify, isAlive } from "./supervise/process-id.ts";
import { removeRecord, survivors } from "./supervise/record.ts";
import { readArguments } from "./terminal/arguments.ts";
import { seconds } from "./terminal/table.ts";

// Services first, then the bus, ten seconds each at most; and a little for the supervisor itself.
const patienceMs = 30_000;

export async function down(args: readonly string[]): Promise<void> {
  readArguments("down", args, {});
  const settings = readSettings();
  const began = performance.now();
  const stopped = await takeDown(settings);
  process.stdout.write(
    stopped
      ? `Nano is down after ${seconds(performance.now() - began)}. Instances were left as they are.\n`
      : "Nano is not running.\n",
  );
}

/** @returns whether there was anything to stop. */
export async function takeDown(settings: Settings): Promise<boolean> {
  const place = paths(settings);
  const before = await askStatus(place.control);
  const left = survivors(place.state);
  if (!before && !left.supervisor && left.units.size === 0) return false;
  return withLock(place.lock, patienceMs, async () => {
    const status = await askStatus(place.control);
    const supervisor = status && identify(status.pid);
    if (supervisor) {
      await askStop(place.control);
      const deadline = performance.now() + patienceMs;
      while (isAlive(supervisor) && performance.now() < deadline) await Bun.sleep(20);
      if (isAlive(supervisor)) {
        throw new Problem(
          `the supervisor (process ${supervisor.pid}) does not end`,
          "./nanoctl logs nanoctl may say why.",
        );
      }
    }
    // What no supervisor answers for: the remains of one that crashed.
    await endLeftovers(settings);
    removeRecord(place.state);
    return true;
  });
}
