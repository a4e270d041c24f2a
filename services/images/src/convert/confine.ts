/**
 * Runs a program on files of strangers where it can do no harm. bubblewrap gives it namespaces of its own and prlimit
 * its limits:
 *
 *     sees       /usr and the libraries, read-only; /source, read-only; /result, the one file it may write; /dev/null
 *     has not    a network, other processes, /proc, /etc, the service's directory, its environment, any capability
 *     at most    memory, processor time, file size, open files, time on the wall
 *
 * It ends with the service (even one that is killed): bubblewrap asks the kernel for that, and takes everything inside
 * along. Nothing is ever run without all of this: where it does not work, it throws `conversion-unavailable`.
 */
import { readFileSync } from "node:fs";
import { kill } from "node:process";
import { NanoError } from "@nano/contract";

export interface ConfinedLimits {
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
  /** Largest file it may write. */
  readonly fileBytes: number;
  /** On the wall, in milliseconds. */
  readonly ms: number;
}

export interface ConfinedOptions {
  /** Appears as `/source`. */
  readonly source?: string;
  /** Appears as `/result`; it must be there already. */
  readonly result?: string;
  readonly limits: ConfinedLimits;
  /** Ends the program; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** What it says on its standard output, as it comes. */
  readonly onOutput?: (text: string) => void;
}

export interface ConfinedEnd {
  /** 128 and the signal's number if one ended it. */
  readonly exitCode: number;
  /** The last of what it said on its standard error, printable. */
  readonly complaint: string;
  readonly timedOut: boolean;
}

const keptBytes = 4_096;
const stackBytes = 2 ** 20;
const path = "/usr/sbin:/usr/bin:/sbin:/bin";

const unavailable = (reason: string) =>
  new NanoError("conversion-unavailable", `No program can be confined on this machine: ${reason}`, {
    details: { reason },
  });

const namespaces = [
  ...["user", "ipc", "pid", "net", "uts", "cgroup-try"].map((kind) => `--unshare-${kind}`),
  "--disable-userns",
  "--die-with-parent",
  "--new-session",
  "--clearenv",
  // Each thread would set aside room of its own, and QEMU has dozens of them.
  ...["--setenv", "MALLOC_ARENA_MAX", "1"],
  ...["--cap-drop", "ALL", "--uid", "65534", "--gid", "65534"],
];
const system = [
  ...["--ro-bind", "/usr", "/usr"],
  ...["/lib", "/lib64"].flatMap((directory) => ["--ro-bind-try", directory, directory]),
  // QEMU tries file locks on it.
  ...["--dev-bind", "/dev/null", "/dev/null"],
];

/**
 * @param argv the program's absolute path and what it is told; no shell reads it
 * @throws NanoError `conversion-unavailable`, or the signal's reason
 */
export const runConfined = async (argv: readonly string[], options: ConfinedOptions): Promise<ConfinedEnd> => {
  const { source, result, limits, signal } = options;
  const [prlimit, bwrap] = ["prlimit", "bwrap"].map((name) => Bun.which(name, { PATH: path }));
  if (!prlimit || !bwrap) throw unavailable(`${prlimit ? "bubblewrap" : "prlimit"} is not installed`);
  signal?.throwIfAborted();
  const process = Bun.spawn(
    [
      prlimit,
      `--as=${limits.memoryBytes}`,
      `--cpu=${limits.cpuSeconds}`,
      `--fsize=${limits.fileBytes}`,
      `--stack=${stackBytes}`,
      "--nofile=64",
      "--core=0",
      "--",
      bwrap,
      ...namespaces,
      ...system,
      ...(source === undefined ? [] : ["--ro-bind", source, "/source"]),
      ...(result === undefined ? [] : ["--bind", result, "/result"]),
      ...["--remount-ro", "/", "--chdir", "/", "--"],
      ...argv,
    ],
    { env: { PATH: path }, cwd: "/", stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  let timedOut = false;
  const end = () => {
    if (process.exitCode === null && process.signalCode === null) killWithChildren(process.pid);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, limits.ms);
  signal?.addEventListener("abort", end, { once: true });
  try {
    const [said] = await Promise.all([lastOf(process.stderr), told(process.stdout, options.onOutput), process.exited]);
    signal?.throwIfAborted();
    const complaint = said.replace(/[^\x20-\x7e]+/g, " ").trim();
    if (process.exitCode !== 0 && /^(bwrap|prlimit): /.test(complaint)) throw unavailable(complaint);
    return { exitCode: process.exitCode ?? 137, complaint, timedOut };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
};

/**
 * bubblewrap's child shares its fate only from when it is set up. One whose parent is killed before that waits for it
 * for ever, with our pipes open: so the parent is halted, its children are killed, and then the parent is.
 */
const killWithChildren = (pid: number): void => {
  signalTo(pid, "SIGSTOP");
  // It stops when it is scheduled next: a fork that it had begun is done then.
  for (let looks = 0; looks < 10_000 && !/^[TtZX]/.test(stateOf(pid)); looks++);
  for (const child of read(`/proc/${pid}/task/${pid}/children`).split(" "))
    if (child) signalTo(Number(child), "SIGKILL");
  signalTo(pid, "SIGKILL");
};

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1").trim();
  } catch {
    // It has ended.
    return "";
  }
};
/** A letter; X for what has ended. The program's name comes before it, in parentheses. */
const stateOf = (pid: number): string => read(`/proc/${pid}/stat`).split(") ").at(-1) || "X";
const signalTo = (pid: number, signal: NodeJS.Signals): void => {
  try {
    kill(pid, signal);
  } catch {
    // It has ended.
  }
};

/** The end of a stream, however long it is. */
const lastOf = async (stream: ReadableStream<Uint8Array>): Promise<string> => {
  let kept = Buffer.alloc(0);
  for await (const piece of stream) kept = Buffer.concat([kept, piece]).subarray(-keptBytes);
  return kept.toString("latin1");
};

const told = async (stream: ReadableStream<Uint8Array>, onOutput: ConfinedOptions["onOutput"]) => {
  for await (const piece of stream) onOutput?.(Buffer.from(piece.subarray(-keptBytes)).toString("latin1"));
};

/** @throws NanoError `conversion-unavailable` unless a program can be run here and is confined */
export const checkConfinement = async (): Promise<void> => {
  const limits = { memoryBytes: 2 ** 30, cpuSeconds: 10, fileBytes: 0, ms: 10_000 };
  // The service's own directory of processes must not be there for it.
  const { exitCode, complaint } = await runConfined(["/usr/bin/test", "!", "-e", "/proc"], { limits });
  if (exitCode !== 0) throw unavailable(complaint || `its trial ended with ${exitCode}`);
};
