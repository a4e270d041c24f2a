/** Runs a program to its end. Rejects with what it said when it fails. */
export async function run(command: readonly string[]): Promise<string> {
  const started = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [output, complaint, code] = await Promise.all([
    new Response(started.stdout).text(),
    new Response(started.stderr).text(),
    started.exited,
  ]);
  if (code !== 0) throw new Error(`${command.join(" ")} exited with ${code}: ${complaint.trim()}`);
  return output;
}
