/** A unit's life as a service inside this process, for `up --compact`. */
import type { ServiceName } from "../config.ts";
import { programOf, sourceOf } from "./programs.ts";
import type { Life } from "./unit.ts";

interface Running {
  stop(): Promise<void>;
}

/** @throws whatever the service's `configFromEnv` or `start` throws. */
export async function beginInside(service: ServiceName, environment: Readonly<Record<string, string>>): Promise<Life> {
  const module: unknown = await import(programOf(sourceOf(service)));
  const running = await startModule(module, environment, service);
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  return {
    ended,
    async stop(graceMs) {
      // A service that does not drain in time is left behind: the process it lives in is about to end or to replace it.
      await Promise.race([running.stop(), Bun.sleep(graceMs)]);
      resolve("stopped");
    },
  };
}

async function startModule(
  module: unknown,
  environment: Record<string, string>,
  service: ServiceName,
): Promise<Running> {
  const configFromEnv = exported(module, "configFromEnv");
  const start = exported(module, "start");
  if (!configFromEnv || !start) {
    throw new Error(`${sourceOf(service)} does not export configFromEnv(env) and start(config)`);
  }
  const running: unknown = await start(configFromEnv(environment));
  const stop = exported(running, "stop");
  if (!stop) throw new Error(`start() of ${service} answered nothing that can be stopped`);
  return { stop: async () => void (await stop.call(running)) };
}

type Callable = (...values: unknown[]) => unknown;

function exported(from: unknown, name: string): Callable | undefined {
  if (typeof from !== "object" || from === null) return undefined;
  const value: unknown = Reflect.get(from, name);
  return isCallable(value) ? value : undefined;
}

function isCallable(value: unknown): value is Callable {
  return typeof value === "function";
}
