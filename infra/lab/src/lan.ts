/**
 * A local network for tests of what instances reach the world through: this machine as a host on it, a bridge `br0`,
 * and a router that answers DHCP. See `lan.sh` for its addresses. It is made of namespaces: nothing outside of them
 * sees a packet of it, and several exist side by side.
 */
import { join } from "node:path";

/** Set for whatever runs on such a network. */
export const lanVariable = "NANO_LAB_LAN";

/** Whether this process is on such a network. */
export const onLan = (): boolean => process.env[lanVariable] !== undefined;

export interface LanResult {
  readonly exitCode: number;
  /** What it printed on both of its outputs. */
  readonly output: string;
}

/** Runs a command as a host of a new network. It ends with us. Needs root, and Debian's `iproute2 dnsmasq-base`. */
export const runOnLan = async (...command: string[]): Promise<LanResult> => {
  const child = Bun.spawn(
    [
      ...["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["bash", join(import.meta.dir, "lan.sh"), ...command],
    ],
    { env: { ...process.env, [lanVariable]: "1" }, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, output: `${stdout}${stderr}` };
};
