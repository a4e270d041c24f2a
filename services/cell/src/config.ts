/** What a cell is told when it starts. Only this file knows the environment's names. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { createLog } from "@nano/bus";
import { fits, type Log, Name, ZoneIdSchema } from "@nano/contract";
import type { Rendezvous } from "@nano/discovery";
import type { LibvirtConfig } from "./libvirt/hypervisor.ts";

export interface CellConfig {
  /** The cell's own directory. */
  readonly directory: string;
  readonly name: string;
  readonly rendezvous: Rendezvous;
  readonly joinSecret?: string;
  /** Where the bus is, if this is known before the zone has answered. */
  readonly busUrls?: readonly string[];
  /** What the storage pool of a cell that an older version made is called, where nothing else is configured. */
  readonly formerPool: string;
  readonly libvirt: LibvirtConfig;
  readonly log: Log;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A host name is a cell's name, as far as it can be: its first label, with what a name may not hold replaced by '-'.
 */
export const cellName = (text: string): string => {
  const name = (text.split(".")[0] ?? "")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
  return fits(Name, name) ? name : "cell";
};

const choice = <const T extends string>(env: Environment, name: string, words: readonly T[], fallback: T): T => {
  const value = env[name]?.trim() || fallback;
  const found = words.find((word) => word === value);
  if (found === undefined) throw new TypeError(`${name} is '${value}', but must be one of ${words.join(", ")}`);
  return found;
};

const networkOf = (env: Environment): LibvirtConfig["network"] => {
  const value = env.NANO_CELL_NETWORK?.trim() || "auto";
  if (value === "auto" || value === "nat" || value === "user") return value;
  const bridge = /^bridge[ :]([A-Za-z0-9_.-]{1,15})$/.exec(value)?.[1];
  if (bridge === undefined)
    throw new TypeError(`NANO_CELL_NETWORK is '${value}', but must be auto, nat, user or 'bridge:<name>'`);
  return { bridge };
};

const addressOf = (env: Environment, name: string, fallback: string): string => {
  const value = env[name]?.trim() || fallback;
  if (isIP(value) === 0) throw new TypeError(`${name} is '${value}', but must be an IP address`);
  return value;
};

const sshOf = (env: Environment): Pick<LibvirtConfig, "ssh"> => {
  const { NANO_LIBVIRT_SSH_KEY: keyFile, NANO_LIBVIRT_SSH_HOST_KEY: hostKey } = env;
  if (!keyFile || !hostKey) return {};
  return { ssh: { privateKey: readFileSync(keyFile, "utf8"), hostKey } };
};

/**
 * | variable | default | meaning |
 * |---|---|---|
 * | `NANO_DATA` | – | the cell's own directory |
 * | `NANO_CELL_NAME` | host name | |
 * | `NANO_DOMAIN`, `NANO_DISCOVERY_GROUP`, `NANO_DISCOVERY_PORT`, `NANO_DISCOVERY_INTERFACE` | nano, 224.0.0.226, 5599, 127.0.0.1 | where it announces itself |
 * | `NANO_JOIN_SECRET_FILE` | none | file with the join secret |
 * | `NANO_LIBVIRT_URI`, `NANO_LIBVIRT_SOCKET` | qemu:///system, /run/libvirt/libvirt-sock | which libvirt; `qemu+ssh://user@host/system` for another machine's |
 * | `NANO_LIBVIRT_SSH_KEY`, `NANO_LIBVIRT_SSH_HOST_KEY` | – | file with the private key, and the host key's `SHA256:…`, for SSH |
 * | `NANO_NATS_URL` | as the zone answered last | where the bus is |
 * | `NANO_CELL_POOL`, `NANO_CELL_STORAGE` | `nano-<of the zone's id>`, /var/lib/libvirt/images/<pool> | libvirt's storage pool and its directory |
 * | `NANO_CELL_TAKES_OVER` | none | the id of a zone that is gone for good: this one may claim what that had on the host |
 * | `NANO_CELL_VIRTUALIZATION` | auto | `kvm` or `emulated` to insist |
 * | `NANO_CELL_VNC_LISTEN` | 127.0.0.1 | the address instances' VNC servers listen on, for viewers of one's own; `0.0.0.0` for all of the host's |
 * | `NANO_CELL_UNUSED_DAYS` | 14 | a fetched image or medium that nothing needs is removed after so many days |
 * | `NANO_CELL_NETWORK` | auto | `bridge:<name>`, `nat` (libvirt's network `default`), or `user` (QEMU's own); `auto` takes the first there is, or can be started: `br0`, `nat`, `user` |
 *
 * @throws TypeError naming the variable that makes no sense
 */
export const configFromEnv = (env: Environment): CellConfig => {
  const text = (name: string, fallback: string): string => env[name]?.trim() || fallback;
  const directory = env.NANO_DATA;
  if (!directory) throw new TypeError("NANO_DATA must name the cell's own directory");
  const port = Number(text("NANO_DISCOVERY_PORT", "5599"));
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new TypeError("NANO_DISCOVERY_PORT is no port");
  const unusedDays = Number(text("NANO_CELL_UNUSED_DAYS", "14"));
  if (!(unusedDays >= 0)) throw new TypeError("NANO_CELL_UNUSED_DAYS is no number of days");
  const secretFile = env.NANO_JOIN_SECRET_FILE;
  const domain = text("NANO_DOMAIN", "nano");
  const { NANO_NATS_URL: busUrl, NANO_CELL_POOL: pool, NANO_CELL_STORAGE: storage } = env;
  const takesOver = env.NANO_CELL_TAKES_OVER?.trim() || undefined;
  if (takesOver !== undefined && !fits(ZoneIdSchema, takesOver))
    throw new TypeError(`NANO_CELL_TAKES_OVER is '${takesOver}', but must be a zone's id, like zone-abcdefghijklmnop`);
  return {
    directory,
    name: cellName(text("NANO_CELL_NAME", hostname())),
    rendezvous: {
      domain,
      group: text("NANO_DISCOVERY_GROUP", "224.0.0.226"),
      port,
      interface: text("NANO_DISCOVERY_INTERFACE", "127.0.0.1"),
    },
    ...(secretFile ? { joinSecret: readFileSync(secretFile, "utf8").trim() } : {}),
    ...(busUrl?.trim() ? { busUrls: busUrl.trim().split(",") } : {}),
    formerPool: domain === "nano" ? "nano" : `nano-${domain}`,
    libvirt: {
      uri: text("NANO_LIBVIRT_URI", "qemu:///system"),
      socket: text("NANO_LIBVIRT_SOCKET", "/run/libvirt/libvirt-sock"),
      ...sshOf(env),
      ...(pool?.trim() ? { pool: pool.trim() } : {}),
      ...(storage?.trim() ? { storage: storage.trim() } : {}),
      ...(takesOver === undefined ? {} : { takesOver }),
      virtualization: choice(env, "NANO_CELL_VIRTUALIZATION", ["auto", "kvm", "emulated"], "auto"),
      network: networkOf(env),
      vncListen: addressOf(env, "NANO_CELL_VNC_LISTEN", "127.0.0.1"),
      upkeep: { unusedMs: unusedDays * 24 * 3_600_000 },
    },
    log: createLog("cell", { level: choice(env, "NANO_LOG", ["debug", "info", "warn", "error"], "info") }),
  };
};
