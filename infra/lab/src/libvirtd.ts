/**
 * A hermetic libvirtd for tests and benches.
 *
 * Theory. `unshare` makes a mount and a PID namespace whose first process is `sandbox.sh`. It binds private
 * directories over every path libvirt keeps state in, so the daemon believes it owns the machine, while the real
 * `/var/lib/libvirt` is never touched. libvirtd itself is put into those namespaces with `nsenter`, as often as a test
 * likes to kill it: instances are children of the namespace, not of libvirtd, and survive it exactly as in production.
 * The daemon's socket lies in a directory outside the private mounts, so it is reachable from outside. Ending the
 * namespace's first process ends everything in it; it ends by itself when the pipe to it closes, so a test run
 * that is killed leaves no process behind.
 */

import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { giveCapabilities, keepCapabilities } from "./capabilities.ts";
import { libvirtdConf, qemuConf } from "./config.ts";
import { claimPortBlock } from "./ports.ts";

export interface LabLibvirtdOptions {
  /** Where everything lives; made if missing. Default: a new directory under the system's temp directory. */
  dir?: string;
  /** The UUID this daemon says its machine has. Two hosts with one UUID refuse to migrate to each other. */
  hostUuid?: string;
  /** How long the daemon may take to open its socket, in milliseconds. */
  startTimeout?: number;
}

export interface LabLibvirtd {
  /** The daemon's read-write unix socket. The same path across restarts. */
  readonly socket: string;
  /** Root of everything this host keeps. Storage pools and disks of tests belong in {@link LabLibvirtd.storage}. */
  readonly dir: string;
  /** An empty directory that has the same path inside and outside of the host's mount namespace. */
  readonly storage: string;
  /** Where libvirtd and QEMU write their logs, for the message of a failing test. */
  readonly logs: string;
  readonly hostUuid: string;
  /** Process id of libvirtd now (it changes with every restart); undefined while it is down. */
  readonly pid: number | undefined;
  /** Starts libvirtd if it is down; resolves when it accepts connections. */
  start(): Promise<void>;
  /**
   * SIGKILL to libvirtd only: running instances go on, as after a crash. It stays down until {@link start} or {@link
   * restart}.
   */
  kill(): Promise<void>;
  /** Makes libvirtd hang (SIGSTOP) until {@link thaw}: it accepts connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Ends libvirtd in its orderly way if it runs, and starts it again. Running instances go on. */
  restart(): Promise<void>;
  /**
   * As if the host had lost its power and came up again: every instance is gone at once, and so is all that a host
   * keeps in `/run`.
   */
  reboot(): Promise<void>;
  /** Ends the daemon and every instance it started, and removes its files. Idempotent. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a private libvirtd. Needs root (namespaces) and Debian's libvirt-daemon-system, qemu-system-x86.
 *
 * @example
 * ```ts
 * await using lab = await startLibvirtd();
 * const connection = await connect({ socket: lab.socket, uri: "qemu:///system" });
 * ```
 */
export async function startLibvirtd(options: LabLibvirtdOptions = {}): Promise<LabLibvirtd> {
  const startTimeout = options.startTimeout ?? 20_000;
  const hostUuid = options.hostUuid ?? crypto.randomUUID();
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "nano-lab-")));
  const socketDir = join(dir, "sock");
  const socket = join(socketDir, "libvirt-sock");
  const logs = join(dir, "log");
  const storage = join(dir, "storage");
  for (const each of ["run", "lib", "cache", "log", "etc", "sock", "storage"]) {
    mkdirSync(join(dir, each), { recursive: true });
  }
  giveCapabilities(join(dir, "cache"));
  const ports = claimPortBlock();
  writeFileSync(join(dir, "etc/libvirtd.conf"), libvirtdConf({ hostUuid, socketDir }));
  writeFileSync(join(dir, "etc/qemu.conf"), qemuConf(ports, existsSync("/sys/fs/cgroup/cpu/cpu.shares")));

  const sandbox = Bun.spawn(
    [
      ...["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"],
      ...["bash", join(import.meta.dir, "sandbox.sh"), dir],
    ],
    { stdin: "pipe", stdout: "pipe", stderr: "pipe" },
  );
  let daemon: { wrapper: Bun.Subprocess; pid: number } | undefined;
  let stopped: Promise<void> | undefined;
  /** A daemon that is on its way out: the next one waits for it. */
  let ending: Promise<unknown> = Promise.resolve();

  const start = async (): Promise<void> => {
    if (stopped) throw new Error(`the lab host in ${dir} is stopped`);
    await ending;
    if (daemon) return;
    rmSync(socket, { force: true });
    const log = openSync(join(logs, "libvirtd.out"), "a");
    const wrapper = Bun.spawn(
      [
        ...["nsenter", `--mount=/proc/${sandbox.pid}/ns/mnt`, `--pid=/proc/${sandbox.pid}/ns/pid_for_children`],
        ...["libvirtd", "--config", "/etc/libvirt/libvirtd.conf"],
      ],
      { stdin: "ignore", stdout: log, stderr: log },
    );
    closeSync(log);
    const deadline = Date.now() + startTimeout;
    while (!(await accepts(socket))) {
      if (wrapper.exitCode !== null || Date.now() > deadline) {
        wrapper.kill("SIGKILL");
        const why =
          wrapper.exitCode !== null ? `exited with ${wrapper.exitCode}` : `opened no socket in ${startTimeout} ms`;
        throw new Error(`libvirtd ${why}; its output:\n${tail(join(logs, "libvirtd.out"))}`);
      }
      await Bun.sleep(10);
    }
    const pid = childOf(wrapper.pid);
    if (pid === undefined) throw new Error(`libvirtd answers on ${socket}, but its process was not found`);
    daemon = { wrapper, pid };
    void wrapper.exited.then(() => {
      if (daemon?.wrapper === wrapper) daemon = undefined;
    });
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = daemon;
    if (!running) return;
    signalTo(running.pid, signal);
    thaw();
    ending = running.wrapper.exited.then(() => {
      daemon = undefined;
    });
    await ending;
  };

  // nsenter stops itself when its child is stopped, and wakes the child when it is woken.
  const thaw = (): void => {
    if (!daemon) return;
    daemon.wrapper.kill("SIGCONT");
    signalTo(daemon.pid, "SIGCONT");
  };

  const reboot = async (): Promise<void> => {
    thaw();
    const wrapper = daemon?.wrapper;
    // All but the namespace's first process; it fails where nothing else is left.
    await Bun.$`nsenter --pid=/proc/${sandbox.pid}/ns/pid_for_children bash -c ${"kill -KILL -1"}`.quiet().nothrow();
    await wrapper?.exited;
    daemon = undefined;
    for (const entry of readdirSync(join(dir, "run"))) rmSync(join(dir, "run", entry), { recursive: true });
    await start();
  };

  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      thaw();
      keepCapabilities(join(dir, "cache"));
      // Closing the pipe makes PID 1 of the namespace end the rest, and remove the files.
      await sandbox.stdin.end();
      await sandbox.exited;
      await daemon?.wrapper.exited;
      ports.release();
      rmSync(dir, { recursive: true, force: true });
    })();
    return stopped;
  };

  try {
    await sandboxReady(sandbox);
    await start();
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    socket,
    dir,
    storage,
    logs,
    hostUuid,
    get pid() {
      return daemon?.pid;
    },
    start,
    kill: () => end("SIGKILL"),
    freeze: () => {
      if (daemon) signalTo(daemon.pid, "SIGSTOP");
    },
    thaw,
    restart: async () => {
      await end("SIGTERM");
      await start();
    },
    reboot,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function sandboxReady(sandbox: Bun.Subprocess<"pipe", "pipe", "pipe">): Promise<void> {
  for await (const chunk of sandbox.stdout) {
    if (new TextDecoder().decode(chunk).includes("ready")) return;
  }
  throw new Error(`could not make a lab host (root is needed): ${(await new Response(sandbox.stderr).text()).trim()}`);
}

/** True once a connection is accepted: the socket file appears before the daemon listens. */
async function accepts(socket: string): Promise<boolean> {
  try {
    const probe = await Bun.connect({ unix: socket, socket: { data() {} } });
    probe.end();
    return true;
  } catch {
    return false;
  }
}

/** Sends a signal; a process that has just ended on its own needs none. */
function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** nsenter has to fork to enter a PID namespace; its only child is the daemon. */
function childOf(parent: number): number | undefined {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const status = readFileSync(`/proc/${entry}/status`, "utf8");
      if (Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1]) === parent) return Number(entry);
    } catch {
      // It ended while we looked.
    }
  }
  return undefined;
}

function tail(file: string): string {
  return readFileSync(file, "utf8").split("\n").slice(-20).join("\n");
}
