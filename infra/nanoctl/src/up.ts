/** `nanoctl up`: starts the zone (or finds that it runs), waits until it is of use, says where everything is. */
import { existsSync } from "node:fs";
import { relative } from "node:path";
import type { Bus } from "@nano/bus";
import { ensureBundle } from "./bundle.ts";
import { paths, readSettings, type ServiceName, type Settings } from "./config.ts";
import { asOperator, findOwnCell, operatorBus, unlessRefused, untilHealthy } from "./health.ts";
import { lastLines } from "./logs.ts";
import { Problem, words } from "./problem.ts";
import { makeSetupLink } from "./setup-link.ts";
import { addSimulatedCells } from "./simulated-pool.ts";
import { askStatus, type Status } from "./supervise/control.ts";
import { endLeftovers, spawnDaemon } from "./supervise/daemon.ts";
import { makeDirectories, prepareLaunch, writeWhole } from "./supervise/launch.ts";
import { withLock } from "./supervise/lock.ts";
import { isFree } from "./supervise/port.ts";
import { readArguments, wholeNumber } from "./terminal/arguments.ts";
import { seconds } from "./terminal/table.ts";

const lockPatienceMs = 60_000;
const patienceMs = 60_000;
/** So many deaths in a row are not a hiccup. */
const tooManyRestarts = 4;

export async function up(args: readonly string[]): Promise<void> {
  const { values } = readArguments("up", args, {
    compact: { type: "boolean" },
    sim: { type: "string" },
    foreground: { type: "boolean" },
  });
  const options = {
    compact: values.compact ?? false,
    simulatedCells: values.sim === undefined ? 0 : wholeNumber("--sim", values.sim, 0, 10_000),
  };
  const settings = readSettings();
  if (values.foreground) return runInForeground(settings, options);
  await bringUp(settings, options, say);
}

export interface UpOptions {
  readonly compact: boolean;
  readonly simulatedCells: number;
}

/** @returns what runs now, and whether it was this call that started it. */
export async function bringUp(
  settings: Settings,
  options: UpOptions,
  tell: (line: string) => void,
): Promise<{ status: Status; started: boolean }> {
  const began = performance.now();
  const running = (await askStatus(paths(settings).control)) !== undefined;
  if (!running) await start(settings, options, tell);
  const status = await untilUseful(settings, running ? undefined : began, tell);
  if (running && differs(status, options)) {
    tell("It was started with other options than these. To change them: ./nanoctl down, then up again.");
  }
  return { status, started: !running };
}

/**
 * Waits until everything answers, then says where it is.
 * @param began when its start began, by the monotonic clock; undefined when it ran already
 * @param showLink whether what is told goes to a person and not into a log: the setup link is a secret
 */
async function untilUseful(
  settings: Settings,
  began: number | undefined,
  tell: (line: string) => void,
  showLink = true,
): Promise<Status> {
  const status = await untilAnswering(settings);
  // What runs may have been started with other ports than this shell names: its own word counts.
  const zone = status.settings;
  const bus = await operatorBus(zone);
  try {
    await untilHealthy(
      zone,
      bus,
      (name) => began && tell(`  ${name.padEnd(10)} ready after ${seconds(performance.now() - began)}`),
      giveUpWhenHopeless(zone, performance.now()),
    );
    const note = await addOwnCellOnce(zone, bus);
    if (status.simulatedCells > 0 && began) {
      const { pool, cells } = await addSimulatedCells(bus, status.simulatedCells, asOperator);
      tell(`  ${"sim".padEnd(10)} ${cells} simulated cells in the pool ${pool}`);
    }
    tell(announcement(status, began && performance.now() - began, [note, await nextStep(bus, showLink)]));
    return status;
  } finally {
    await bus.close();
  }
}

function differs(status: Status, options: UpOptions): boolean {
  return status.compact !== options.compact || status.simulatedCells !== options.simulatedCells;
}

async function start(settings: Settings, options: UpOptions, tell: (line: string) => void): Promise<void> {
  await makeDirectories(settings);
  await withLock(paths(settings).lock, lockPatienceMs, async () => {
    // Whoever held the lock before us may have started it meanwhile.
    if (await askStatus(paths(settings).control)) return;
    await endLeftovers(settings);
    await prepareLaunch(settings, options);
    requireFreePorts(settings);
    await ensureBundle(tell);
    spawnDaemon(settings);
    await untilAnswering(settings);
  });
}

async function runInForeground(settings: Settings, options: UpOptions): Promise<void> {
  const began = performance.now();
  const place = paths(settings);
  const status = await askStatus(place.control);
  if (status) throw new Problem(`the zone runs already (process ${status.pid})`, "./nanoctl down ends it.");
  const { supervise } = await import("./supervise/supervisor.ts");
  const { createLog } = await import("@nano/bus/log");
  await makeDirectories(settings);
  const supervisor = await withLock(place.lock, lockPatienceMs, async () => {
    await endLeftovers(settings);
    const launch = await prepareLaunch(settings, options);
    requireFreePorts(settings);
    await ensureBundle(say);
    return supervise(settings, launch, createLog("nanoctl"));
  });
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => void supervisor.stop());
  // Whatever is said about the start, the zone runs on until it is told to stop.
  void untilUseful(settings, began, say, process.stdout.isTTY).catch((thrown: unknown) => say(words(thrown)));
  await supervisor.stopped;
  process.exit(0);
}

function requireFreePorts(settings: Settings): void {
  const { host, ports } = settings;
  const names = { nats: "NANO_NATS_PORT", web: "NANO_WEB_PORT", images: "NANO_IMAGES_PORT", rest: "NANO_REST_PORT" };
  const taken = Object.entries(names).filter(([use]) => !isFree(host, Reflect.get(ports, use)));
  if (taken.length === 0) return;
  throw new Problem(
    `in use by another program on ${host}: ${taken.map(([use]) => `port ${Reflect.get(ports, use)}`).join(", ")}`,
    `Stop that program, or choose other ports with ${taken.map(([, name]) => name).join(", ")}.`,
  );
}

async function untilAnswering(settings: Settings): Promise<Status> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const status = await askStatus(paths(settings).control);
    if (status) return status;
    if (performance.now() > deadline) {
      throw new Problem("the supervisor does not start", await lastLines(settings, "nanoctl", 15));
    }
    await Bun.sleep(20);
  }
}

/** Fails early, and with the log, when a service dies again and again or nothing happens for a minute. */
function giveUpWhenHopeless(settings: Settings, began: number) {
  return async (waitingFor: ReadonlyMap<ServiceName, string>): Promise<void> => {
    const status = await askStatus(paths(settings).control);
    if (!status) throw new Problem("the supervisor has ended", await lastLines(settings, "nanoctl", 15));
    const dying = status.units.find((unit) => unit.restarts >= tooManyRestarts);
    if (dying) {
      throw new Problem(
        `${dying.name} does not stay up (${dying.lastEnd ?? "no word why"}); it is tried again until ./nanoctl down`,
        await lastLines(settings, status.compact && dying.name !== "nats" ? "nanoctl" : dying.name, 15),
      );
    }
    if (performance.now() - began < patienceMs) return;
    const lacking = [...waitingFor].map(([name, why]) => `${name}: ${why}`).join("\n");
    const first = [...waitingFor.keys()][0] ?? "nanoctl";
    throw new Problem(
      `not everything is of use after a minute; it goes on trying\n${lacking}`,
      await lastLines(settings, status.compact ? "nanoctl" : first, 15),
    );
  };
}

/**
 * Puts this machine's cell into the default pool: a cloud one can use at once. Only ever once, so that a cell that
 * somebody took out of the pool stays out.
 */
async function addOwnCellOnce(settings: Settings, bus: Awaited<ReturnType<typeof operatorBus>>): Promise<string> {
  let cell = await findOwnCell(settings, bus);
  if (!cell) return "This machine's cell is not known yet.";
  if (!existsSync(paths(settings).cellAdded)) {
    if (cell.pool === undefined) {
      const { items } = await bus.call("pool.list", {}, asOperator);
      const pool = items.find((one) => one.name === "default") ?? items[0];
      if (!pool) return "There is no pool yet for this machine's cell.";
      // A second `up` at the same moment may have done it: what counts is where the cell is then.
      await unlessRefused("cell-in-pool", bus.call("cell.add", { id: cell.id, pool: pool.name }, asOperator));
      cell = await bus.call("cell.get", { id: cell.id }, asOperator);
    }
    await writeWhole(paths(settings).cellAdded, `${cell.id}\n`);
  }
  const place = cell.pool ? `in the pool ${cell.pool}` : "in no pool: add it in the portal under Cells";
  return `This machine is the cell ${cell.name}, ${place} (${cell.virtualization}).`;
}

/** What a person does first: only with this link does anyone become the first administrator. */
async function nextStep(bus: Bus, showLink: boolean): Promise<string> {
  const demo = "watch the main job: ./nanoctl demo";
  const needed = (await bus.call("setup.get", {}, asOperator)).needed;
  if (needed && !showLink) return `./nanoctl setup-link prints the link that makes the first administrator. Or ${demo}`;
  const link = needed ? await makeSetupLink(bus) : undefined;
  if (!link) return `Log in to the portal, or ${demo}`;
  return `Make the first administrator with this link (once, within a day):\n\n  ${link.url}\n\nOr ${demo}`;
}

function announcement(status: Status, tookMs: number | undefined, notes: readonly string[]): string {
  const { settings } = status;
  const creds = paths(settings).operatorCreds;
  const shown = relative(process.cwd(), creds);
  return [
    "",
    tookMs === undefined ? "Nano is running already." : `Nano is up after ${seconds(tookMs)}.`,
    "",
    `  Portal       ${settings.urls.web}`,
    `  REST API     ${settings.urls.gateway}/api/v2`,
    `  Swagger UI   ${settings.urls.gateway}/swagger`,
    `  Bus          ${settings.urls.nats}`,
    `  Credentials  ${shown.startsWith("..") ? creds : shown}   (the operator's, for nats --creds)`,
    "",
    ...notes,
    "Another host joins with the zone's join secret: ./nanoctl cell invite",
    "",
  ].join("\n");
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
