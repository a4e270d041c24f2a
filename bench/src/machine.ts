/** The line above the table: figures without the machine they come from mean nothing. */
import { cpus, loadavg, release, totalmem } from "node:os";

export async function machineLine(): Promise<string> {
  const [nats, libvirt, qemu] = await Promise.all([
    versionOf(["nats-server", "-v"]),
    versionOf(["libvirtd", "--version"]),
    versionOf(["qemu-system-x86_64", "--version"]),
  ]);
  const processors = cpus();
  return [
    `${processors.length} cores (${processors[0]?.model.trim() ?? "unknown"})`,
    `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    `Linux ${release()}`,
    `bun ${Bun.version}`,
    `nats-server ${nats}`,
    `libvirt ${libvirt}`,
    `QEMU ${qemu} (emulation)`,
    `load ${loadavg()[0]?.toFixed(1)} at the start`,
  ].join(" · ");
}

async function versionOf(command: readonly string[]): Promise<string> {
  const [program = ""] = command;
  if (!Bun.which(program)) return "not installed";
  const run = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  const output = await new Response(run.stdout).text();
  return /\d+\.\d+(\.\d+)?/.exec(output)?.[0] ?? "unknown";
}
