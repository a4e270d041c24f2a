/**
 * `nanoctl cell run`: this host's cell alone, for a zone whose other services are on another host. Runs until it is
 * ended.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { checkout, paths, readSettings, serviceEnvironment } from "./config.ts";
import { Problem } from "./problem.ts";
import { askStatus } from "./supervise/control.ts";
import { programOf, sourceOf } from "./supervise/programs.ts";
import { readArguments } from "./terminal/arguments.ts";

export async function cellRun(args: readonly string[]): Promise<void> {
  readArguments("cell run", args, {});
  const settings = readSettings();
  if (await askStatus(paths(settings).control))
    throw new Problem("a whole zone runs here, with its cell", "./nanoctl down ends it.");
  if (!existsSync(settings.joinSecret))
    throw new Problem(
      `there is no join secret in ${settings.joinSecret}`,
      "`./nanoctl cell invite` on the zone's host prints it and how to put it there.",
    );
  const environment = serviceEnvironment(settings, "cell");
  await mkdir(paths(settings).dataOf("cell"), { recursive: true, mode: 0o700 });
  const child = Bun.spawn([process.execPath, programOf(sourceOf("cell"))], {
    cwd: checkout,
    env: environment,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => child.kill("SIGTERM"));
  process.exitCode = await child.exited;
}
