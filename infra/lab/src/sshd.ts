/**
 * A private SSH server on loopback, with keys of its own, for tests of what Nano does over SSH. Like the lab's libvirtd
 * it lives in namespaces that end with the process that started it.
 */

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface LabSshd {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly username: "root";
  /** A private key the server accepts, in OpenSSH's format. */
  readonly privateKey: string;
  /** The fingerprint of the server's only host key, as OpenSSH prints it: `SHA256:…`. */
  readonly hostKey: string;
  /** Ends the server and every connection to it. Idempotent. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts an SSH server. Needs root and Debian's openssh-server. */
export async function startSshd(): Promise<LabSshd> {
  if (!(await Bun.file("/usr/sbin/sshd").exists())) {
    throw new Error("no /usr/sbin/sshd on this machine: install openssh-server (`nanoctl test` does)");
  }
  // sshd cannot choose a free port itself; between our choice and its use somebody else may take it, so we try again.
  for (let attempt = 1; ; attempt++) {
    const sshd = await startOn(freePort());
    if (typeof sshd !== "string") return sshd;
    if (attempt === 5 || !sshd.includes("Address already in use")) throw new Error(`sshd did not start: ${sshd}`);
  }
}

/** The server, or what sshd said instead. */
async function startOn(port: number): Promise<LabSshd | string> {
  const dir = await mkdtemp(join(tmpdir(), "nano-lab-sshd-"));
  for (const name of ["host_key", "client_key"]) {
    await Bun.$`ssh-keygen -q -t ed25519 -N ${""} -C ${name} -f ${join(dir, name)}`.quiet();
  }
  const hostPublic = (await Bun.file(join(dir, "host_key.pub")).text()).split(" ")[1] ?? "";
  const digest = createHash("sha256").update(Buffer.from(hostPublic, "base64")).digest("base64");
  const privateKey = await Bun.file(join(dir, "client_key")).text();
  writeFileSync(join(dir, "sshd_config"), config(dir, port));
  const server = Bun.spawn(
    [
      ...["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"],
      ...["bash", join(import.meta.dir, "sshd.sh"), dir],
    ],
    { stdin: "pipe", stdout: "ignore", stderr: "pipe" },
  );
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      // Closing the pipe makes sshd.sh end the server and remove the files.
      await server.stdin.end();
      await server.exited;
      await rm(dir, { recursive: true, force: true });
    })();
    return stopped;
  };
  const output = await untilListening(server.stderr);
  if (output !== undefined) {
    await stop();
    return output;
  }
  return {
    host: "127.0.0.1",
    port,
    username: "root",
    privateKey,
    hostKey: `SHA256:${digest.replace(/=+$/, "")}`,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function config(dir: string, port: number): string {
  return `${[
    "ListenAddress 127.0.0.1",
    `Port ${port}`,
    `HostKey ${join(dir, "host_key")}`,
    `AuthorizedKeysFile ${join(dir, "client_key.pub")}`,
    "PidFile none",
    "PermitRootLogin prohibit-password",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "UsePAM no",
    // The key lies in the temp directory, which others may write to.
    "StrictModes no",
    "AllowStreamLocalForwarding local",
    "AllowTcpForwarding local",
    "LogLevel INFO",
  ].join("\n")}\n`;
}

function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

/** Undefined once sshd listens; what it said instead, if it ended. Goes on reading, so that sshd never waits for us. */
async function untilListening(stderr: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const reader = stderr.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return output;
    output += value;
    if (/Server listening/.test(output)) {
      void (async () => {
        while (!(await reader.read()).done);
      })();
      return undefined;
    }
    if (/Address already in use|fatal|error:/i.test(output)) return output;
  }
}
