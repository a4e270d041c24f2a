/** One cell, put together: a hypervisor, a place in the zone, the operations it serves and the reports it sends. */
import { networkInterfaces } from "node:os";
import type { CellId, Log } from "@nano/contract";
import type { Rendezvous } from "@nano/discovery";
import { Consoles } from "./console/consoles.ts";
import { cellHandlers } from "./handlers.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { ensureIdentity } from "./join/identity.ts";
import { Membership } from "./join/membership.ts";
import { Reporter } from "./report/reporter.ts";
import { version } from "./version.ts";

export interface CellOptions {
  /** The cell's own directory: its seed, the pinned account, the last grant. */
  readonly directory: string;
  /** Letters, digits and `-`. */
  readonly name: string;
  readonly rendezvous: Rendezvous;
  readonly joinSecret?: string;
  /** Where the bus is, if it is known before the zone has answered. */
  readonly busUrls?: readonly string[];
  readonly hypervisor: Hypervisor;
  readonly log: Log;
}

export interface Cell {
  readonly cell: CellId;
  /** Public nkey. */
  readonly fingerprint: string;
  /** Says goodbye and lets go; instances run on. */
  stop(): Promise<void>;
}

/** The address others reach this machine at: the one discovery uses, or the first that is not loopback. */
const addressOf = ({ interface: chosen }: Rendezvous): string => {
  if (chosen !== "0.0.0.0") return chosen;
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
};

/** Resolves when the cell works; neither libvirt nor the bus has to be there yet. */
export const startCell = async (options: CellOptions): Promise<Cell> => {
  const { hypervisor, log, name, rendezvous, directory, joinSecret, busUrls } = options;
  const identity = await ensureIdentity(directory);
  const { cell, publicKey } = identity;
  const address = addressOf(rendezvous);
  const consoles = new Consoles(hypervisor, log);
  const handlers = cellHandlers({ hypervisor, consoles, stamp: () => reporter.stamp() });
  const reporter = new Reporter({
    cell,
    hypervisor,
    send: (report, content) => membership.bus?.report(report, content),
    describe: () => ({ name, address, fingerprint: publicKey, nano: version }),
    log,
  });
  const membership = new Membership({
    identity,
    directory,
    rendezvous,
    ...(joinSecret === undefined ? {} : { joinSecret }),
    ...(busUrls === undefined ? {} : { busUrls }),
    version,
    describe: () => ({
      name,
      addresses: [address],
      versions: { nano: version, ...hypervisor.facts().versions },
    }),
    onZone: (zone) => hypervisor.join(zone),
    onBus: (bus) => bus.serveCell(cell, handlers),
    onConnected: () => reporter.joined(),
    log,
  });
  await hypervisor.start();
  reporter.start();
  await membership.start();
  log.info("The cell is up", { cell, name, address });
  return {
    cell,
    fingerprint: publicKey,
    stop: async () => {
      await consoles.stop();
      await reporter.stop();
      await membership.stop();
      await hypervisor.stop();
    },
  };
};
