/** Asking one cell. */
import type { Bus } from "@nano/bus";
import { type CellId, type Input, NanoError, type OperationsOf, type Output } from "@nano/contract";
import type { CellRegistry } from "./registry.ts";

export type AskCell = <N extends OperationsOf<"cell">>(
  cell: CellId,
  name: N,
  input: Input<N>,
  requestId?: string,
) => Promise<Output<N>>;

/**
 * @returns how to ask: a cell that does not answer, or not in time, is `cell-offline` and named; whether it did what it was asked is unknown
 *   then, so ask only for what may happen twice
 */
export const cellAsker =
  (deps: { bus: Pick<Bus, "callCell">; registry: Pick<CellRegistry, "nameOf" | "isOnline"> }): AskCell =>
  async (cell, name, input, requestId) => {
    // Not even asked: thousands of tasks of a rack that is away must not each wait for a deadline.
    if (!deps.registry.isOnline(cell)) throw offline(deps.registry.nameOf(cell), cell);
    try {
      return await deps.bus.callCell(cell, name, input, requestId === undefined ? {} : { requestId });
    } catch (cause) {
      const silent = cause instanceof NanoError && (cause.code === "unavailable" || cause.code === "deadline-exceeded");
      // `cell.volume.fetch` answers `unavailable` when the image service does not answer: the cell itself did.
      if (!silent || name === "cell.volume.fetch") throw cause;
      throw offline(deps.registry.nameOf(cell), cell, cause);
    }
  };

const offline = (name: string, cell: CellId, cause?: unknown): NanoError =>
  new NanoError("cell-offline", `The cell ${name} does not answer`, { details: { cell }, cause });
