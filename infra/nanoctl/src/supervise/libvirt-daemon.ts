/**
 * Makes sure this machine's libvirt answers. It belongs to the machine, not to the zone: it is started when nobody else
 * has, and never stopped, because running instances hang on it.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "@nano/contract";
import { Problem } from "../problem.ts";
import { run } from "../run-command.ts";
import { answers } from "./port.ts";

/** Where libvirtd listens unless it was configured otherwise; another socket is somebody else's daemon to start. */
const standardSocket = "/run/libvirt/libvirt-sock";
/** virtlogd keeps the ends of the instances' serial consoles, and outlives libvirtd. */
const logKeeperSocket = "/run/libvirt/virtlogd-sock";

/**
 * @returns whether it had to be started.
 * @throws {Problem} when it does not answer and could not be started.
 */
export async function ensureLibvirt(socket: string, log: Log): Promise<boolean> {
  if (await answers({ unix: socket })) return false;
  if (socket !== standardSocket) {
    throw new Problem(`no libvirt answers on ${socket}`, "Start the libvirtd that NANO_LIBVIRT_SOCKET names.");
  }
  if (process.getuid?.() !== 0) {
    throw new Problem("libvirtd is not running, and only root can start it", "As root: systemctl start libvirtd");
  }
  for (const argv of await startCommands()) {
    log.info("starting libvirt", { command: argv.join(" ") });
    // libvirtd's answer below is what counts.
    await run(argv).catch((thrown: unknown) =>
      log.warn("that did not work", { command: argv.join(" "), cause: thrown }),
    );
  }
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await answers({ unix: socket })) return true;
    await Bun.sleep(50);
  }
  throw new Problem(`libvirtd was started but does not answer on ${socket}`, "See its log in /var/log/libvirt.");
}

async function startCommands(): Promise<string[][]> {
  if (existsSync("/run/systemd/system")) return [["systemctl", "start", "libvirtd"]];
  const withoutKvm = ["sh", join(import.meta.dir, "libvirtd-without-kvm.sh")];
  const misleading = existsSync("/dev/kvm") && !processorVirtualizes();
  const keeper = (await answers({ unix: logKeeperSocket })) ? [] : [["virtlogd", "-d"]];
  return [...keeper, misleading ? withoutKvm : ["libvirtd", "-d"]];
}

/** The same rule as a cell's: a KVM that the processor knows nothing of is not believed. */
function processorVirtualizes(): boolean {
  return /^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
}
