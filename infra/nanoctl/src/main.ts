/** nanoctl's commands. The shell script `nanoctl` at the root of the checkout has made sure that everything is here. */
import { NanoError } from "@nano/contract";
import { SettingError } from "./config.ts";
import { Problem } from "./problem.ts";
import { CommandError } from "./run-command.ts";

type Command = (args: readonly string[]) => Promise<void>;

/** Each is loaded only when it is asked for: `status` need not wait for what `test` needs. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import("./up.ts")).up,
  down: async () => (await import("./down.ts")).down,
  status: async () => (await import("./status.ts")).status,
  logs: async () => (await import("./logs.ts")).logs,
  restart: async () => (await import("./restart.ts")).restart,
  "setup-link": async () => (await import("./setup-link.ts")).setupLink,
  demo: async () => (await import("./demo.ts")).demo,
  cell: async () => (await import("./cell.ts")).cell,
  image: async () => (await import("./image.ts")).image,
  test: async () => (await import("./test.ts")).test,
};

async function main(): Promise<void> {
  const [name = "", ...args] = process.argv.slice(2);
  const load = commands[name];
  if (!load) throw new Problem(`there is no command "${name}"`, "./nanoctl help lists them.");
  const command = await load();
  await command(args);
}

/** What a person reads when a command fails: what happened, then what to do. */
function explain(thrown: unknown): string {
  if (thrown instanceof Problem) return `nanoctl: ${thrown.message}${thrown.remedy ? `\n${thrown.remedy}` : ""}`;
  if (thrown instanceof SettingError || thrown instanceof CommandError) return `nanoctl: ${thrown.message}`;
  if (thrown instanceof NanoError) return `nanoctl: ${thrown.message} (${thrown.code})\n${thrown.remedy}`;
  return `nanoctl: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`;
}

process.stdout.on("error", () => process.exit(0)); // the reader of a pipe has gone: `nanoctl logs | head`
main().then(
  () => process.exit(),
  (thrown: unknown) => {
    process.stderr.write(`${explain(thrown)}\n`);
    process.exit(1);
  },
);
