/** The zone that runs here, as nanoctl's commands ask it. */
import type { Bus } from "@nano/bus";
import { paths, readSettings, type Settings } from "./config.ts";
import { operatorBus } from "./health.ts";
import { Problem } from "./problem.ts";
import { askStatus } from "./supervise/control.ts";

/**
 * @param missing what there is not while it does not run, and what can be done then
 * @throws {Problem} when no zone runs
 */
export async function withZone<T>(
  missing: { readonly what: string; readonly remedy?: string },
  work: (settings: Settings, bus: Bus) => Promise<T>,
): Promise<T> {
  const running = await askStatus(paths(readSettings()).control);
  if (!running)
    throw new Problem(
      `Nano is not running, so there is no ${missing.what}`,
      `./nanoctl up starts it${missing.remedy ? `; ${missing.remedy}` : ""}.`,
    );
  const bus = await operatorBus(running.settings);
  try {
    return await work(running.settings, bus);
  } finally {
    await bus.close();
  }
}
