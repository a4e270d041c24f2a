/**
 * `nanoctl up --sim N`: N simulated cells in one process beside the zone, the program that the supervisor runs for it.
 * They join by discovery, each with an identity of its own, exactly as real ones do.
 */
// Not from the service's main.ts: a program that another one imports is no program of its own any more once bundled.
import { configFromEnv } from "@nano/cell/config";
import { startSimulatedCells } from "@nano/cell/sim/start";
import { wholeNumber } from "./terminal/arguments.ts";

const { directory, rendezvous, joinSecret, log } = configFromEnv(process.env);
const count = wholeNumber("NANO_SIM_CELLS", process.env.NANO_SIM_CELLS ?? "", 1, 10_000);
const secret = joinSecret === undefined ? {} : { joinSecret };
const simulation = await startSimulatedCells({ directory, rendezvous, ...secret, log }, count);
for (const name of ["SIGTERM", "SIGINT"] as const) {
  process.once(name, () => void simulation.stop().then(() => process.exit(0)));
}
