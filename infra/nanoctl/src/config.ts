/**
 * The service environment: every `NANO_*` variable, its default, and who gets which value.
 *
 * nanoctl reads its own environment with {@link readSettings} and hands each service an environment made by
 * {@link serviceEnvironment}. A service reads *only* that (its own `src/main.ts` decodes it), so the same service runs
 * unchanged under nanoctl, under systemd, inside `up --compact`, or by hand:
 *
 * | variable                    | default                      | meaning                                                    |
 * |-----------------------------|------------------------------|------------------------------------------------------------|
 * | `NANO_DATA`                 | `<checkout>/data`            | nanoctl: the zone's state. A service gets `<that>/<name>`  |
 * | `NANO_DOMAIN`               | `nano`                       | tells zones on one network apart                           |
 * | `NANO_ZONE`                 | `Nano`                       | the zone's name, as people read it                         |
 * | `NANO_HOST`                 | `127.0.0.1`                  | the address that every port below binds to                 |
 * | `NANO_NATS_PORT`            | `4222`                       | the bus                                                    |
 * | `NANO_NATS_URL`             | `nats://127.0.0.1:<port>`    | where services find the bus                                |
 * | `NANO_NATS_CREDS`           | `<data>/nats/<service>.creds`| this service's JWT and seed (a file); a cell has none      |
 * | `NANO_NATS_DIR`             | `<data>/nats`                | the zone's identities; only the scheduler is told          |
 * | `NANO_JOIN_SECRET_FILE`     | `<data>/join-secret`         | what a cell must know to join; only scheduler and cell     |
 * | `NANO_WEB_PORT`             | `5850`                       | the portal                                                 |
 * | `NANO_IMAGES_PORT`          | `5860`                       | uploads and downloads of images and media                  |
 * | `NANO_REST_PORT`            | `5870`                       | REST and Swagger                                           |
 * | `NANO_WEB_URL`              | `http://127.0.0.1:<port>`    | the portal as a browser reaches it                         |
 * | `NANO_IMAGES_URL`           | `http://127.0.0.1:<port>`    | the images service as cells and browsers reach it          |
 * | `NANO_GATEWAY_URL`          | `http://127.0.0.1:<port>`    | the gateway as cells and the portal reach it               |
 * | `NANO_TRUSTED_PROXIES`      | none                         | reverse proxies whose `Forwarded` or `X-Forwarded-For` counts: addresses, CIDRs |
 * | `NANO_DISCOVERY_GROUP`      | `224.0.0.226`                | multicast group of the announcements                       |
 * | `NANO_DISCOVERY_PORT`       | `5599`                       | and its UDP port                                           |
 * | `NANO_DISCOVERY_INTERFACE`  | that `NANO_HOST` is on       | the address of the interface they use, of the group's family |
 * | `NANO_LIBVIRT_URI`          | `qemu:///system`             | what a cell opens once it is connected to libvirt          |
 * | `NANO_LIBVIRT_SOCKET`       | `/run/libvirt/libvirt-sock`  | where it connects                                          |
 * | `NANO_CELL_POOL`            | `nano-<of the zone's id>`    | the cell's libvirt storage pool                            |
 * | `NANO_CELL_STORAGE`         | `/var/lib/libvirt/images/<pool>` | the directory behind it                                |
 * | `NANO_CELL_TAKES_OVER`      | none                         | id of a zone that is gone for good: its pool may be claimed |
 * | `NANO_CELL_NAME`            | this machine's host name     | the cell's name                                            |
 * | `NANO_STALL_MINUTES`        | `30`                         | long work of a cell without progress is ended after this; work that tells none, after 12 times as long |
 * | `NANO_LOG`                  | `info`                       | `debug`, `info`, `warn` or `error`                         |
 * | `NANO_SIM_CELLS`            | `0`                          | simulated cells (`up --sim N`), only for the simulator     |
 *
 * Beside them a service gets `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE` and `SSL_CERT_DIR` as nanoctl has them: the
 * certificates of authorities that outgoing TLS (imports, the object store, an images service behind a proxy) trusts
 * beside the machine's.
 *
 * In compact mode there is one process and so one `process.env`; that is why a service's `src/main.ts` exports
 * `configFromEnv(env: Record<string, string | undefined>)` beside `start(config)` and never reads `process.env` deeper.
 */
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { interfaceFor } from "@nano/discovery";

/** The services of a zone, in the order in which people think of them. Each is `services/<name>/src/main.ts`. */
export const serviceNames = ["scheduler", "images", "gateway", "web", "cell"] as const;
export type ServiceName = (typeof serviceNames)[number];

export type Environment = Readonly<Record<string, string | undefined>>;

/** The checkout this file is in. */
export const checkout = resolve(import.meta.dir, "../../..");

export interface Settings {
  /** Absolute directory of the zone's state. */
  readonly data: string;
  readonly domain: string;
  readonly zone: string;
  /** The address every port binds to. */
  readonly host: string;
  readonly ports: { readonly nats: number; readonly web: number; readonly images: number; readonly rest: number };
  readonly urls: { readonly nats: string; readonly web: string; readonly images: string; readonly gateway: string };
  /** File with the join secret. */
  readonly joinSecret: string;
  readonly discovery: { readonly group: string; readonly port: number; readonly interface: string };
  readonly libvirt: { readonly uri: string; readonly socket: string };
  /** Its storage is what the cell chooses, where nothing is said. */
  readonly cell: { readonly name: string; readonly pool?: string; readonly storage?: string };
  readonly log: string;
}

/** A variable of the environment has a value Nano cannot use. */
export class SettingError extends Error {}

/**
 * Decodes nanoctl's own environment.
 * @throws {SettingError} naming the variable, its value and what it should be.
 */
export function readSettings(env: Environment = process.env): Settings {
  const text = (name: string, fallback: string): string => env[name]?.trim() || fallback;
  const port = (name: string, fallback: number): number => {
    const value = text(name, String(fallback));
    const number = Number(value);
    if (!Number.isInteger(number) || number < 1 || number > 65535) {
      throw new SettingError(`${name} is "${value}", but a port is a whole number from 1 to 65535`);
    }
    return number;
  };
  const host = text("NANO_HOST", "127.0.0.1");
  // A wildcard is an address to listen on, not one to connect to.
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const authority = reachable.includes(":") ? `[${reachable}]` : reachable;
  const ports = {
    nats: port("NANO_NATS_PORT", 4222),
    web: port("NANO_WEB_PORT", 5850),
    images: port("NANO_IMAGES_PORT", 5860),
    rest: port("NANO_REST_PORT", 5870),
  };
  const domain = text("NANO_DOMAIN", "nano");
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(domain)) {
    throw new SettingError(`NANO_DOMAIN is "${domain}", but a domain is 1 to 63 small letters, digits and hyphens`);
  }
  const data = resolve(text("NANO_DATA", join(checkout, "data")));
  const group = text("NANO_DISCOVERY_GROUP", "224.0.0.226");
  const discoveryInterface = text("NANO_DISCOVERY_INTERFACE", interfaceFor(reachable, group) ?? "");
  if (!discoveryInterface)
    throw new SettingError(
      `NANO_HOST is "${host}", whose interface has no address for the discovery's group ${group}: set NANO_DISCOVERY_INTERFACE to the IPv4 address of an interface`,
    );
  const pool = text("NANO_CELL_POOL", "");
  const storage = text("NANO_CELL_STORAGE", "");
  return {
    data,
    domain,
    zone: text("NANO_ZONE", "Nano"),
    host,
    ports,
    urls: {
      nats: text("NANO_NATS_URL", `nats://${authority}:${ports.nats}`),
      web: text("NANO_WEB_URL", `http://${authority}:${ports.web}`),
      images: text("NANO_IMAGES_URL", `http://${authority}:${ports.images}`),
      gateway: text("NANO_GATEWAY_URL", `http://${authority}:${ports.rest}`),
    },
    joinSecret: resolve(text("NANO_JOIN_SECRET_FILE", join(data, "join-secret"))),
    discovery: {
      group,
      port: port("NANO_DISCOVERY_PORT", 5599),
      interface: discoveryInterface,
    },
    libvirt: {
      uri: text("NANO_LIBVIRT_URI", "qemu:///system"),
      socket: text("NANO_LIBVIRT_SOCKET", "/run/libvirt/libvirt-sock"),
    },
    cell: {
      name: text("NANO_CELL_NAME", hostname()),
      ...(pool ? { pool } : {}),
      ...(storage ? { storage: resolve(storage) } : {}),
    },
    log: text("NANO_LOG", "info"),
  };
}

/** Where nanoctl keeps what, below `NANO_DATA`. */
export function paths(settings: Pick<Settings, "data">) {
  const { data } = settings;
  const run = join(data, "run");
  return {
    nats: join(data, "nats"),
    jetstream: join(data, "nats", "jetstream"),
    operatorCreds: join(data, "nats", "operator.creds"),
    log: join(data, "log"),
    cache: join(data, "cache"),
    run,
    control: join(run, "nanoctl.sock"),
    /** Which processes run; written by the supervisor. */
    state: join(run, "state.json"),
    /** What `up` decided; written by `up`. */
    launch: join(run, "launch.json"),
    lock: join(run, "lock"),
    /**
     * Exists once this machine's cell was added to the default pool, so that a cell the admin removed stays removed.
     */
    cellAdded: join(data, "cell-added"),
    logOf: (name: string): string => join(data, "log", `${name}.log`),
    dataOf: (name: string): string => join(data, name),
    credsOf: (name: string): string => join(data, "nats", `${name}.creds`),
  } as const;
}

/**
 * What Bun itself is told. It looks once a second whether there is something to collect, which wakes several threads of
 * an idle process; what allocates is collected without that, too.
 */
export const runtimeEnvironment = { BUN_GC_TIMER_INTERVAL: "10000" } as const;

const trustVariables = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"] as const;

/**
 * Whom TLS trusts: the machine's own store beside the authorities that Bun knows, and what the operator adds to it in
 * the usual variables.
 */
export function trustEnvironment(outer: Environment): Record<string, string> {
  const named: Record<string, string> = {};
  for (const name of trustVariables) {
    const path = outer[name]?.trim();
    if (path) named[name] = path;
  }
  return { NODE_USE_SYSTEM_CA: outer.NODE_USE_SYSTEM_CA?.trim() || "1", ...named };
}

/**
 * The whole environment of one service: what it must know and nothing else, so that a secret in the shell that typed
 * `nanoctl up` does not travel into every process of the zone. Variables of Nano's that only one service knows (a
 * cell's `NANO_CELL_NETWORK`, say) pass through as they are.
 */
export function serviceEnvironment(
  settings: Settings,
  service: ServiceName,
  outer: Environment = process.env,
): Record<string, string> {
  const place = paths(settings);
  return {
    PATH: outer.PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: outer.HOME ?? "/",
    LANG: "C.UTF-8",
    ...runtimeEnvironment,
    ...trustEnvironment(outer),
    ...(outer.TMPDIR ? { TMPDIR: outer.TMPDIR } : {}),
    ...passedThrough(outer),
    NANO_DATA: place.dataOf(service),
    NANO_DOMAIN: settings.domain,
    NANO_ZONE: settings.zone,
    NANO_HOST: settings.host,
    NANO_NATS_URL: settings.urls.nats,
    // A cell has no file: it joins by announcing itself, and the scheduler answers with its JWT.
    ...(service === "cell" ? {} : { NANO_NATS_CREDS: place.credsOf(service) }),
    // The account's signing key mints the cells' JWTs: its directory is the scheduler's business alone.
    ...(service === "scheduler" ? { NANO_NATS_DIR: place.nats } : {}),
    ...(service === "scheduler" || service === "cell" ? { NANO_JOIN_SECRET_FILE: settings.joinSecret } : {}),
    NANO_WEB_PORT: String(settings.ports.web),
    NANO_IMAGES_PORT: String(settings.ports.images),
    NANO_REST_PORT: String(settings.ports.rest),
    NANO_WEB_URL: settings.urls.web,
    NANO_IMAGES_URL: settings.urls.images,
    NANO_GATEWAY_URL: settings.urls.gateway,
    NANO_DISCOVERY_GROUP: settings.discovery.group,
    NANO_DISCOVERY_PORT: String(settings.discovery.port),
    NANO_DISCOVERY_INTERFACE: settings.discovery.interface,
    NANO_LIBVIRT_URI: settings.libvirt.uri,
    NANO_LIBVIRT_SOCKET: settings.libvirt.socket,
    ...(settings.cell.pool ? { NANO_CELL_POOL: settings.cell.pool } : {}),
    ...(settings.cell.storage ? { NANO_CELL_STORAGE: settings.cell.storage } : {}),
    NANO_CELL_NAME: settings.cell.name,
    NANO_LOG: settings.log,
  };
}

/** Whose key or secret this is, a service never learns from the shell. */
const decidedHere = ["NANO_NATS_CREDS", "NANO_NATS_DIR", "NANO_JOIN_SECRET_FILE"];

function passedThrough(outer: Environment): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(outer)) {
    if (name.startsWith("NANO_") && value !== undefined && !decidedHere.includes(name)) own[name] = value;
  }
  return own;
}
