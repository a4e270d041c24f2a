/** What steps of sagas do most: command the cell, and take its answer into the row. */
import type { CellId, InstanceId, Observed } from "@nano/contract";
import type { StepRun } from "../tasks/saga.ts";
import { type Changes, changeInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import { observe } from "./observe.ts";
import { findInstance, type StoredInstance } from "./store.ts";

type Run = Pick<StepRun<{ readonly id: InstanceId; readonly cell: CellId }>, "state" | "actor" | "requestId">;

export type Commander = ReturnType<typeof commander>;

export function commander(deps: Pick<InstanceDeps, "journal" | "registry" | "clock">) {
  const { journal, registry, clock } = deps;

  /**
   * Commands the cell and takes its answer into the row, unless a report has spoken of the instance since: that one is newer, though it may have
   * come first. `also` is written in the same transaction.
   */
  const command = async (
    run: Run,
    tell: () => Promise<Observed>,
    also: (row: StoredInstance) => Changes = () => ({}),
  ): Promise<void> => {
    const { id, cell } = run.state;
    const order = registry.find(cell)?.order;
    const heard = order?.newest(id);
    const observed = await tell();
    const overtaken = order?.newest(id) !== heard;
    await journal.write(async (trx) => {
      const row = await findInstance(trx, id);
      if (!row) return;
      const seen = overtaken ? {} : observe(row, observed, clock.now());
      await changeInstance(deps, trx, row, { ...seen, ...also(row) }, run);
    });
  };

  /** Changes the row, if it is still there. */
  const changeRow = (run: Run, changes: Changes | ((row: StoredInstance) => Changes)): Promise<void> =>
    journal.write(async (trx) => {
      const row = await findInstance(trx, run.state.id);
      if (row) await changeInstance(deps, trx, row, typeof changes === "function" ? changes(row) : changes, run);
    });

  return { command, changeRow };
}
