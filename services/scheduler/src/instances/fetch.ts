/** Having a file in a cell's storage: the cell fetches it from the image service; we ask how far it is. */
import type { CellId, Output } from "@nano/contract";
import { type GivenDeps, noteGiven } from "../cells/given.ts";
import { sleep } from "../sleep.ts";
import type { StepRun } from "../tasks/saga.ts";
import type { InstanceDeps } from "./deps.ts";

const firstPauseMs = 50;
const longestPauseMs = 1_000;

/** Resolves when the cell has the verified file; rejects when the run is aborted, or as the cell answered. */
export async function fetchVolume(
  deps: Pick<InstanceDeps, "ask"> & GivenDeps,
  run: Pick<StepRun<unknown>, "signal" | "progress" | "aside" | "requestId">,
  cell: CellId,
  source: Output<"image.source">,
): Promise<void> {
  const { sha256, bytes, format, url, ticket } = source;
  await noteGiven(deps, cell, sha256);
  await pollCopy(run, () => deps.ask(cell, "cell.volume.fetch", { sha256, bytes, format, url, ticket }, run.requestId));
}

/**
 * Asks how far a cell is with copying something, until it is ready; rejects when the run is aborted, or as the cell
 * answered.
 */
export async function pollCopy(
  run: Pick<StepRun<unknown>, "signal" | "progress" | "aside">,
  ask: () => Promise<Output<"cell.volume.fetch">>,
): Promise<void> {
  await run.aside(async () => {
    for (let pause = firstPauseMs; ; pause = Math.min(longestPauseMs, pause * 1.5)) {
      run.signal.throwIfAborted();
      const { ready, bytesDone, bytesTotal } = await ask();
      run.progress(bytesDone, bytesTotal);
      if (ready) return;
      await sleep(pause, run.signal);
    }
  });
}
