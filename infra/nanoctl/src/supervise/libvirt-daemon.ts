/**
 * Makes sure this machine's libvirt answers. It belongs to the machine, not to the zone: it is started when nobody else
 * has, and never stopped, because running instances hang on it.
 */
import { existsSync } from "node:fs";
import type { Log } from "@nano/contract";
import { Problem } from "../problem.ts";
import { run } from "../run-command.ts";
import { answers } from "./port.ts";

/** Where libvirtd listens unless it was configured otherwise; another socket is somebody else's daemon to start. */
const standardSocket = "/run/libvirt/libvirt-sock";

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
  const withSystemd = existsSync("/run/systemd/system");
  const commands = withSystemd
    ? [["systemctl", "start", "libvirtd"]]
    : [
        ["virtlogd", "-d"],
        ["libvirtd", "-d"],
      ];
  for (const argv of commands) {
    log.info("starting libvirt", { command: argv.join(" ") });
    // virtlogd may be there already, which it reports as a failure; libvirtd's answer below is what counts.
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
