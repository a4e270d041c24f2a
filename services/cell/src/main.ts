/** The cell service: one hypervisor host. */
import { shrinkOnceQuiet } from "@nano/bus/shrink";
import { systemClock } from "@nano/contract";
import { type Cell, startCell } from "./cell.ts";
import { type CellConfig, configFromEnv } from "./config.ts";
import { isOlderThanZones } from "./join/identity.ts";
import { LibvirtHypervisor } from "./libvirt/hypervisor.ts";

export type { Cell } from "./cell.ts";
export { type CellConfig, configFromEnv } from "./config.ts";
export { type CellIdentity, ensureIdentity } from "./join/identity.ts";
export { type SimulatedConfig, startSimulatedCells } from "./sim/start.ts";

/** Starts a cell of the real kind. Resolves at once: libvirt and the bus may come later. */
export const start = async (config: CellConfig): Promise<Cell> => {
  const { libvirt, formerPool, ...options } = config;
  const isOlder = await isOlderThanZones(config.directory);
  const hypervisor = new LibvirtHypervisor(
    { ...libvirt, ...(isOlder ? { formerPool } : {}) },
    { clock: systemClock, log: config.log },
  );
  return startCell({ ...options, hypervisor });
};

if (import.meta.main) {
  const config = configFromEnv(process.env);
  const cell = await start(config);
  shrinkOnceQuiet();
  const stop = async (): Promise<void> => {
    // What still hangs after 10 s (a libvirt that does not answer) is not waited for: nothing of it is only here.
    setTimeout(() => process.exit(1), 10_000);
    await cell.stop();
    process.exit(0);
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}
