/**
 * Whether a running zone does its work, asked as a person would: over the bus with the operator's credentials, and by
 * HTTP.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Bus, connectBus } from "@nano/bus";
import { ensureIdentity } from "@nano/cell/join/identity";
import { type Cell, type ErrorCode, NanoError, operatorActor, silentLog } from "@nano/contract";
import { paths, type ServiceName, type Settings, serviceNames } from "./config.ts";
import { words } from "./problem.ts";

/** A connection with the operator's credentials. The caller closes it. */
export async function operatorBus(settings: Settings): Promise<Bus> {
  const credentials = new Uint8Array(await readFile(paths(settings).operatorCreds));
  return connectBus({ url: settings.urls.nats, credentials, name: "operator", version: "0.1.0", log: silentLog });
}

/** Everything nanoctl asks, it asks in the operator's name. */
export const asOperator = { actor: operatorActor } as const;
const shortly = { ...asOperator, deadlineMs: 1_000 };

type Probe = (settings: Settings, bus: Bus) => Promise<void>;

/** Each throws words on what is missing. */
const probes: Readonly<Record<ServiceName, Probe>> = {
  scheduler: async (_, bus) => void (await bus.call("zone.get", {}, shortly)),
  images: async (_, bus) => void (await bus.call("image.list", {}, shortly)),
  gateway: (settings) => answersHttp(`${settings.urls.gateway}/swagger`),
  web: (settings) => answersHttp(`${settings.urls.web}/`),
  cell: async (settings, bus) => {
    const cell = await findOwnCell(settings, bus);
    if (!cell?.online) throw new Error("the scheduler has not heard of it");
    // It joins before it knows its host: until libvirt has answered it has nothing to offer.
    if (cell.capacity.cores === 0) throw new Error(cell.problems[0] ?? "it waits for libvirt");
  },
};

/** The answer, or nothing when it was refused for just this reason: somebody else was first, or it is gone. */
export async function unlessRefused<T>(code: ErrorCode, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof NanoError && thrown.code === code) return undefined;
    throw thrown;
  }
}

/** This machine's cell, if it has an identity and the scheduler knows it. */
export async function findOwnCell(settings: Settings, bus: Bus): Promise<Cell | undefined> {
  const directory = paths(settings).dataOf("cell");
  // Only the cell service makes the identity; until it has, there is nothing to find.
  if (!existsSync(join(directory, "cell.nk"))) return undefined;
  const { cell } = await ensureIdentity(directory);
  return unlessRefused("cell-not-found", bus.call("cell.get", { id: cell }, shortly));
}

async function answersHttp(url: string): Promise<void> {
  const answer = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(1_000) });
  await answer.body?.cancel();
  if (answer.status >= 500) throw new Error(`${url} answers ${answer.status}`);
}

/**
 * Asks each service until it answers.
 * @param healthy called once for each as it does
 * @param goOn asked before each round; may throw to give up
 * @returns when all have answered
 */
export async function untilHealthy(
  settings: Settings,
  bus: Bus,
  healthy: (name: ServiceName) => void,
  goOn: (waitingFor: ReadonlyMap<ServiceName, string>) => Promise<void>,
): Promise<void> {
  const waitingFor = new Map<ServiceName, string>();
  const ask = async (name: ServiceName): Promise<void> => {
    try {
      await probes[name](settings, bus);
      waitingFor.delete(name);
      healthy(name);
    } catch (thrown) {
      waitingFor.set(name, words(thrown));
    }
  };
  await Promise.all(serviceNames.map(ask));
  while (waitingFor.size > 0) {
    await goOn(waitingFor);
    await Bun.sleep(50);
    await Promise.all([...waitingFor.keys()].map(ask));
  }
}

/** One round: what each service lacks, for those that do not answer. */
export async function illnesses(settings: Settings, bus: Bus): Promise<Map<ServiceName, string>> {
  const found = new Map<ServiceName, string>();
  await Promise.all(
    serviceNames.map((name) =>
      probes[name](settings, bus).catch((thrown: unknown) => void found.set(name, words(thrown))),
    ),
  );
  return found;
}
