/** The portal. See README.md. */
import { readFileSync } from "node:fs";
import { type Bus, connectBus, createLog } from "@nano/bus";
import { shrinkOnceQuiet } from "@nano/bus/shrink";
import { type Clock, type Log, systemClock } from "@nano/contract";
import { configFromEnv, type PortalConfig } from "./config.ts";
import { openPortal } from "./server.ts";

export { configFromEnv, type PortalConfig } from "./config.ts";

/** What tests replace. */
export interface PortalParts {
  readonly log?: Log;
  readonly clock?: Clock;
  /** A connection to use instead of one's own; it stays open at `stop`. */
  readonly bus?: Bus;
}

export interface RunningPortal {
  /** The port it got. */
  readonly port: number;
  stop(): Promise<void>;
}

/** Serves the portal; the bus may come later. @throws whatever `Bun.serve` says of a port in use */
export const start = async (config: PortalConfig, parts: PortalParts = {}): Promise<RunningPortal> => {
  const { log = createLog("web"), clock = systemClock } = parts;
  const { url, credsFile } = config.nats;
  const bus =
    parts.bus ??
    connectBus({
      url,
      credentials: () => (credsFile ? readFileSync(credsFile) : new Uint8Array()),
      name: "web",
      version: config.version,
      log,
    });
  const portal = openPortal({ config, bus, clock, log });
  log.info("The portal listens", { url: config.webUrl, port: portal.port });
  return {
    port: portal.port,
    async stop() {
      await portal.stop();
      if (!parts.bus) await bus.close();
      log.info("The portal stopped");
    },
  };
};

if (import.meta.main) {
  const portal = await start(configFromEnv(process.env));
  shrinkOnceQuiet();
  const stop = () => void portal.stop().then(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}
