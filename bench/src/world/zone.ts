/**
 * A whole Nano of a bench's own: started by `nanoctl up` and ended by `nanoctl down`, as a person does it, on ports and
 * in directories that nobody else uses, with a libvirtd of its own.
 */
import { join } from "node:path";
import type { Bus } from "@nano/bus";
import { freePort } from "@nano/bus/testing";
import { type LabLibvirtd, startLibvirtd } from "@nano/lab";
import { checkout, paths, readSettings, type Settings } from "@nano/nanoctl/config";
import { operatorBus } from "@nano/nanoctl/health";
import { askStatus, type Status } from "@nano/nanoctl/supervise/control";

export interface ZoneOptions {
  /** Its data directory; short, because a unix socket's path has to fit. */
  readonly directory: string;
  readonly compact?: boolean;
  /** Simulated cells beside the real one. */
  readonly simulatedCells?: number;
  /** An earlier zone, to be started once more: the same directory, ports and libvirtd. */
  readonly again?: Zone;
  /** The bench's own, when it outlives the zone. */
  readonly lab?: LabLibvirtd;
}

export interface Zone extends AsyncDisposable {
  readonly settings: Settings;
  readonly environment: Readonly<Record<string, string>>;
  readonly lab: LabLibvirtd;
  /** Seconds from typing `nanoctl up` to its end: everything answers. */
  readonly startSeconds: number;
  /** With the operator's credentials. */
  readonly bus: Bus;
  status(): Promise<Status>;
}

const signals = ["SIGINT", "SIGTERM"] as const;

export async function startZone(options: ZoneOptions): Promise<Zone> {
  const lab = options.lab ?? (await startLibvirtd());
  const environment = options.again?.environment ?? (await environmentOf(options.directory, lab));
  const settings = readSettings(environment);
  const down = async (): Promise<void> => {
    try {
      await nanoctl(environment, ["down"]);
    } finally {
      if (!options.lab) await lab.stop();
    }
  };
  // The zone's processes are nobody's children: an impatient person must not leave them behind.
  const interrupted = (): void => void down().finally(() => process.exit(130));
  for (const signal of signals) process.once(signal, interrupted);
  try {
    const began = Bun.nanoseconds();
    const simulated = options.simulatedCells ? ["--sim", String(options.simulatedCells)] : [];
    await nanoctl(environment, ["up", ...(options.compact ? ["--compact"] : []), ...simulated]);
    const startSeconds = (Bun.nanoseconds() - began) / 1e9;
    const bus = await operatorBus(settings);
    await untilThereIsRoom(bus);
    return {
      settings,
      environment,
      lab,
      startSeconds,
      bus,
      status: async () => {
        const status = await askStatus(paths(settings).control);
        if (!status) throw new Error("the bench's zone does not answer");
        return status;
      },
      async [Symbol.asyncDispose]() {
        for (const signal of signals) process.off(signal, interrupted);
        await bus.close();
        await down();
      },
    };
  } catch (error) {
    await down();
    throw error;
  }
}

const ports = ["NANO_NATS_PORT", "NANO_WEB_PORT", "NANO_IMAGES_PORT", "NANO_REST_PORT", "NANO_DISCOVERY_PORT"] as const;

async function environmentOf(directory: string, lab: LabLibvirtd): Promise<Record<string, string>> {
  const free: Record<string, string> = {};
  // Two zones of one domain on one machine would hear each other's announcements.
  const domain = `bench-${crypto.randomUUID().slice(0, 8)}`;
  for (const name of ports) free[name] = String(await freePort());
  return {
    PATH: process.env.PATH ?? "",
    HOME: process.env.HOME ?? "/",
    NANO_DATA: join(directory, "data"),
    NANO_DOMAIN: domain,
    NANO_LIBVIRT_SOCKET: lab.socket,
    NANO_CELL_STORAGE: join(lab.storage, domain),
    NANO_CELL_NAME: "bench",
    NANO_LOG: "warn",
    ...free,
  };
}

/** Where the zone's cell keeps disks. */
export const storageOf = ({ cell }: Settings): string => {
  if (cell.storage === undefined) throw new Error("the zone's environment names no NANO_CELL_STORAGE");
  return cell.storage;
};

const patienceSeconds = 30;

/** A cell is online a moment before it knows what its host has. */
async function untilThereIsRoom(bus: Bus): Promise<void> {
  const deadline = Bun.nanoseconds() + patienceSeconds * 1e9;
  for (;;) {
    const { items } = await bus.call("cell.list", {});
    if (items.some(({ online, capacity }) => online && capacity.cores > 0)) return;
    if (Bun.nanoseconds() > deadline)
      throw new Error(`no cell of the zone can host anything: ${JSON.stringify(items)}`);
    await Bun.sleep(20);
  }
}

async function nanoctl(environment: Readonly<Record<string, string>>, words: readonly string[]): Promise<void> {
  const started = Bun.spawn([process.execPath, "infra/nanoctl/src/main.ts", ...words], {
    cwd: checkout,
    env: environment,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, complaint, code] = await Promise.all([
    new Response(started.stdout).text(),
    new Response(started.stderr).text(),
    started.exited,
  ]);
  if (code !== 0) throw new Error(`nanoctl ${words.join(" ")} exited with ${code}:\n${output}${complaint}`);
}
