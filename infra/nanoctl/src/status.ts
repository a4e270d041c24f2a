/**
 * `nanoctl status`: one line a process, readable in 80 columns. The exit code is 0 only when everything does its work.
 */
import { paths, readSettings } from "./config.ts";
import { illnesses, operatorBus } from "./health.ts";
import { askStatus } from "./supervise/control.ts";
import { memoryOf } from "./supervise/process-id.ts";
import { survivors } from "./supervise/record.ts";
import { readArguments } from "./terminal/arguments.ts";
import { duration, mebibytes, table } from "./terminal/table.ts";

export async function status(args: readonly string[]): Promise<void> {
  const { values } = readArguments("status", args, { json: { type: "boolean" } });
  const place = paths(readSettings());
  const zone = await askStatus(place.control);
  if (!zone) {
    const left = [...survivors(place.state).units.entries()].map(([name, id]) => `${name} (${id.pid})`);
    process.stdout.write(
      left.length > 0
        ? `The supervisor is gone, but these still run: ${left.join(", ")}.\n./nanoctl up takes over, ./nanoctl down ends them.\n`
        : "Nano is not running. ./nanoctl up starts it.\n",
    );
    process.exitCode = 1;
    return;
  }
  const bus = await operatorBus(zone.settings);
  const ill = await illnesses(zone.settings, bus).finally(() => bus.close());
  const now = Date.now();
  const supervisor = { name: "nanoctl", state: "running", pid: zone.pid, since: zone.since, restarts: 0 };
  const units = [supervisor, ...zone.units].map((unit) => ({
    ...unit,
    // A process that runs but does not answer is not what anybody means by running.
    state: unit.state === "running" && [...ill.keys()].some((name) => name === unit.name) ? "not ready" : unit.state,
    memory: unit.pid === undefined ? undefined : memoryOf(unit.pid),
  }));
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ compact: zone.compact, units }, undefined, 2)}\n`);
  } else {
    const rows = units.map((unit) => [
      unit.name,
      unit.state,
      unit.pid === undefined ? "-" : String(unit.pid),
      duration(now - unit.since),
      String(unit.restarts),
      unit.memory === undefined ? "-" : mebibytes(unit.memory),
    ]);
    const total = units.reduce((sum, unit) => sum + (unit.memory ?? 0), 0);
    rows.push(["total", "", "", "", "", mebibytes(total)]);
    process.stdout.write(`${table([["service", "state", "pid", "for", "restarts", "memory"], ...rows])}\n`);
    if (zone.compact) process.stdout.write("All services live in the process nanoctl (--compact).\n");
    for (const [name, why] of ill) process.stdout.write(`${name}: ${why}\n`);
  }
  if (ill.size > 0 || units.some((unit) => unit.state !== "running")) process.exitCode = 1;
}
