/**
 * The supervisor as a process of its own, as `up` starts it: `bun daemon.ts`, its settings in the environment and its
 * orders in the launch file. If something unforeseen breaks it (with `--compact` that includes the services inside), it
 * starts its own successor, which takes over what still runs.
 */
import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { createLog } from "@nano/bus/log";
import { shrinkOnceQuiet } from "@nano/bus/shrink";
import {
  checkout,
  type Environment,
  paths,
  readSettings,
  runtimeEnvironment,
  type Settings,
  trustEnvironment,
} from "../config.ts";
import { readLaunch } from "./launch.ts";
import { openLog } from "./log-file.ts";
import { endAll } from "./process-id.ts";
import { programOf } from "./programs.ts";
import { survivors } from "./record.ts";
import { supervise } from "./supervisor.ts";
import { stopGraceMs } from "./unit.ts";

/** Starts a supervisor that outlives this process and its terminal. */
export function spawnDaemon(settings: Settings, environment: Environment = process.env): void {
  const log = openLog(paths(settings).logOf("nanoctl"));
  const own = Object.entries(environment).filter(([name]) => /^(PATH|HOME|LANG|TMPDIR|NANO_.*)$/.test(name));
  const child = spawn(process.execPath, [programOf("infra/nanoctl/src/supervise/daemon.ts")], {
    cwd: checkout,
    env: { ...Object.fromEntries(own), ...runtimeEnvironment, ...trustEnvironment(environment) },
    detached: true,
    stdio: ["ignore", log, log],
  });
  child.unref();
  closeSync(log);
}

/** Ends what a crashed supervisor left running. */
export async function endLeftovers(settings: Settings): Promise<string[]> {
  const left = survivors(paths(settings).state);
  // First the supervisor, or it starts again what we stop.
  if (left.supervisor && left.supervisor.pid !== process.pid) await endAll([left.supervisor], stopGraceMs * 2);
  const remaining = [...left.units.entries()];
  const services = remaining.filter(([name]) => name !== "nats").map(([, id]) => id);
  await endAll(services, stopGraceMs);
  await endAll(
    remaining.filter(([name]) => name === "nats").map(([, id]) => id),
    stopGraceMs,
  );
  return remaining.map(([name]) => name);
}

async function main(): Promise<void> {
  const settings = readSettings();
  const log = createLog("nanoctl");
  const began = performance.now();
  let succeeding = false;
  const succeed = async (thrown: unknown): Promise<void> => {
    if (succeeding) return;
    succeeding = true;
    log.error("the supervisor broke and starts its successor", { cause: thrown });
    // One that breaks at once must not become a storm of successors.
    if (performance.now() - began < 10_000) await Bun.sleep(2_000);
    spawnDaemon(settings);
    process.exit(1);
  };
  process.on("uncaughtException", (thrown) => void succeed(thrown));
  process.on("unhandledRejection", (thrown) => void succeed(thrown));

  const leftovers = await endLeftovers(settings);
  if (leftovers.length > 0) log.warn("ended what an earlier supervisor left", { units: leftovers.join(" ") });
  const supervisor = await supervise(settings, await readLaunch(settings), log);
  shrinkOnceQuiet();
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => void supervisor.stop());
  await supervisor.stopped;
  process.exit(0);
}

if (import.meta.main) await main();
