/** Asking one cell. */
import type { Bus } from "@nano/bus";
import { type CellId, type Input, NanoError, type OperationsOf, type Output } from "@nano/contract";

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
  (deps: { bus: Pick<Bus, "callCell">; nameOf: (cell: CellId) => string }): AskCell =>
  async (cell, name, input, requestId) => {
    try {
      return await deps.bus.callCell(cell, name, input, requestId === undefined ? {} : { requestId });
    } catch (cause) {
      const silent = cause instanceof NanoError && (cause.code === "unavailable" || cause.code === "deadline-exceeded");
      // `cell.volume.fetch` answers `unavailable` when the image service does not answer: the cell itself did.
      if (!silent || name === "cell.volume.fetch") throw cause;
      throw new NanoError("cell-offline", `Cell ${deps.nameOf(cell)} does not answer ${name}`, {
        details: { cell },
        cause,
      });
    }
  };
