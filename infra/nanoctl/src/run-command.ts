/** Runs one program to its end. Arguments are a list: nothing here ever passes through a shell. */

/** A program ended badly; the message carries what it printed. */
export class CommandError extends Error {}

/**
 * @returns what the program wrote to its standard output.
 * @throws {CommandError} when it cannot be started or ends with another code than 0.
 */
export async function run(argv: readonly string[], options: { cwd?: string } = {}): Promise<string> {
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn({
      cmd: [...argv],
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, LC_ALL: "C.UTF-8", DEBIAN_FRONTEND: "noninteractive" },
      ...(options.cwd ? { cwd: options.cwd } : {}),
    });
  } catch (cause) {
    throw new CommandError(`cannot run ${argv[0]}: is it installed?`, { cause });
  }
  const [output, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) {
    throw new CommandError(`"${argv.join(" ")}" ended with ${code}: ${errors.trim() || output.trim()}`);
  }
  return output;
}
