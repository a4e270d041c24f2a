/** `nanoctl restart NAME`: ends one service, drained, and starts it again. */
import { ensureBundle } from "./bundle.ts";
import { paths, readSettings } from "./config.ts";
import { Problem } from "./problem.ts";
import { askRestart, askStatus } from "./supervise/control.ts";
import { readArguments } from "./terminal/arguments.ts";
import { seconds } from "./terminal/table.ts";

const patienceMs = 30_000;

export async function restart(args: readonly string[]): Promise<void> {
  const { positionals } = readArguments("restart", args, {}, 1);
  const name = positionals[0];
  if (!name) throw new Problem("restart takes the name of a service", "./nanoctl status lists them.");
  const { control } = paths(readSettings());
  const find = async () => (await askStatus(control))?.units.find((unit) => unit.name === name);
  if (!(await askStatus(control))) throw new Problem("Nano is not running", "./nanoctl up starts it.");
  const began = performance.now();
  const before = await find();
  await ensureBundle((line) => void process.stdout.write(`${line}\n`));
  await askRestart(control, name);
  for (;;) {
    const now = await find();
    if (now?.state === "running" && now.since !== before?.since) break;
    if (performance.now() - began > patienceMs) {
      throw new Problem(
        `${name} is ${now?.state ?? "gone"} (${now?.lastEnd ?? "no word why"})`,
        `./nanoctl logs ${name}`,
      );
    }
    await Bun.sleep(20);
  }
  process.stdout.write(`${name} was restarted after ${seconds(performance.now() - began)}.\n`);
}
