/**
 * The supervisor: one small process that keeps the bus and the services running.
 *
 * It starts the bus, then the services at once and in no order (each waits for the others by itself), starts again what
 * dies, and answers `status`, `restart` and `stop` on a unix socket. Its children write their own log files and do not
 * need it to live: if it is killed, the zone goes on, and the next `up` or `down` finds every process in the record
 * and takes over. libvirtd and the instances are not its children at all.
 */
import { mkdirSync } from "node:fs";
import type { Log } from "@nano/contract";
import { checkout, paths, type ServiceName, type Settings, serviceEnvironment, serviceNames } from "../config.ts";
import { words } from "../problem.ts";
import { busServer } from "./bus-server.ts";
import { type Controls, type Status, serveControl } from "./control.ts";
import { beginInside } from "./inside.ts";
import type { Launch } from "./launch.ts";
import { ensureLibvirt } from "./libvirt-daemon.ts";
import { rotateLogs } from "./log-file.ts";
import { identify, type ProcessId } from "./process-id.ts";
import { beginProgram } from "./program.ts";
import { programOf, sourceOf } from "./programs.ts";
import { removeRecord, writeRecord } from "./record.ts";
import { type Life, Unit } from "./unit.ts";

const libvirtCheckMs = 10_000;
const rotationMs = 60_000;

export interface Supervisor {
  /** Resolves when the zone has been stopped, by {@link stop} or over the socket. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

/** Starts everything and returns; what does not start at once is tried again and again. */
export async function supervise(settings: Settings, launch: Launch, log: Log): Promise<Supervisor> {
  const place = paths(settings);
  const since = Date.now();
  const self = identify(process.pid);
  if (!self) throw new Error("cannot find this very process in /proc");

  const units: Unit[] = [];
  const record = (): void => {
    const running: Record<string, ProcessId> = {};
    for (const unit of units) if (unit.process) running[unit.name] = unit.process;
    writeRecord(place.state, { supervisor: self, units: running });
  };
  const add = (name: string, begin: () => Promise<Life>): Unit => {
    const unit = new Unit(name, begin, log, record);
    units.push(unit);
    return unit;
  };

  const bus = add("nats", () => beginProgram(busServer(settings, launch.identities)));
  const services = serviceNames.map((name) => add(name, () => beginService(settings, launch, name)));
  if (launch.simulatedCells > 0) services.push(add("sim", () => beginSimulation(settings, launch)));

  const libvirt = keepLibvirt(settings, log);
  const rotation = setInterval(() => void rotateLogs(place.log), rotationMs);
  const { promise: stopped, resolve: allStopped } = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      log.info("stopping");
      libvirt.stop();
      clearInterval(rotation);
      // The bus last: a service says on it what it leaves behind.
      await Promise.all(services.map((unit) => unit.stop()));
      await bus.stop();
      control.close();
      removeRecord(place.state);
      log.info("stopped");
      allStopped();
    })();
    return stopping;
  };

  const controls: Controls = {
    status: (): Status => ({
      pid: process.pid,
      compact: launch.compact,
      simulatedCells: launch.simulatedCells,
      since,
      settings,
      units: units.map((unit) => ({
        name: unit.name,
        state: unit.state,
        since: unit.since,
        restarts: unit.restarts,
        ...(unit.process ? { pid: unit.process.pid } : {}),
        ...(unit.lastEnd ? { lastEnd: unit.lastEnd } : {}),
      })),
    }),
    restart: (name) => {
      const unit = units.find((one) => one.name === name);
      void unit?.restart();
      return unit !== undefined;
    },
    stop: () => void stop(),
  };
  const control = serveControl(place.control, controls);

  record();
  log.info("starting", { compact: launch.compact, data: settings.data });
  void (async () => {
    await bus.start();
    await Promise.all(services.map((unit) => unit.start()));
  })();
  return { stopped, stop };
}

function beginService(settings: Settings, launch: Launch, name: ServiceName): Promise<Life> {
  const environment = serviceEnvironment(settings, name);
  mkdirSync(environment.NANO_DATA ?? settings.data, { recursive: true });
  if (launch.compact) return beginInside(name, environment);
  return beginProgram({
    argv: [process.execPath, programOf(sourceOf(name))],
    environment,
    directory: checkout,
    log: paths(settings).logOf(name),
  });
}

/** Keeps asking whether libvirt answers and starts it where that is ours to do; the cell reconnects by itself. */
function keepLibvirt(settings: Settings, log: Log): { stop(): void } {
  let trouble: string | undefined;
  let busy = false;
  const check = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      if (await ensureLibvirt(settings.libvirt.socket, log)) log.info("libvirt answers");
      trouble = undefined;
    } catch (thrown) {
      if (trouble !== words(thrown)) log.warn("libvirt does not answer", { cause: thrown });
      trouble = words(thrown);
    } finally {
      busy = false;
    }
  };
  void check();
  const timer = setInterval(() => void check(), libvirtCheckMs);
  return { stop: () => clearInterval(timer) };
}

function beginSimulation(settings: Settings, launch: Launch): Promise<Life> {
  return beginProgram({
    argv: [process.execPath, programOf("infra/nanoctl/src/simulation.ts")],
    environment: {
      ...serviceEnvironment(settings, "cell"),
      NANO_DATA: paths(settings).dataOf("sim"),
      NANO_SIM_CELLS: String(launch.simulatedCells),
    },
    directory: checkout,
    log: paths(settings).logOf("sim"),
  });
}
