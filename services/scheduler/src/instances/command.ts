/** What steps of sagas do most: command the cell, and take its answer into the row. */
import type { CellId, InstanceId, Observed } from "@nano/contract";
import type { StepRun } from "../tasks/saga.ts";
import { type Changes, changeInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import { heardOf, isNewer, once } from "./newer.ts";
import { observe } from "./observe.ts";
import { findInstance, type StoredInstance } from "./store.ts";

type Run = Pick<StepRun<{ readonly id: InstanceId; readonly cell: CellId }>, "state" | "actor" | "requestId">;

export type Commander = ReturnType<typeof commander>;

export function commander(deps: Pick<InstanceDeps, "journal" | "registry" | "clock" | "ask" | "log">) {
  const { journal, registry, clock, ask, log } = deps;

  /**
   * Commands the cell and takes its answer into the row, unless something newer was taken before: cells number what
   * they answer in one line with their reports. `also` is written in the same transaction.
   */
  const command = async (
    run: Run,
    tell: () => Promise<Observed>,
    also: (row: StoredInstance) => Changes = () => ({}),
  ): Promise<void> => {
    const { id, cell } = run.state;
    const before = heardOf(registry.find(cell));
    const observed = await tell();
    const isNews = once(() => isNewer(registry.find(cell), observed, before));
    await journal.write(async (trx) => {
      const row = await findInstance(trx, id);
      if (!row) return;
      const seen = isNews() ? observe(row, observed, clock.now()) : {};
      await changeInstance(deps, trx, row, { ...seen, ...also(row) }, run);
    });
  };

  /**
   * Takes how the instance is now into the row: for the last command of a task, if its answer does not say. What was
   * done is done, whether or not the cell tells: its reports follow.
   */
  const look = async (run: Run): Promise<void> => {
    const { id, cell } = run.state;
    try {
      await command(run, () => ask(cell, "cell.instance.get", { id }, run.requestId));
    } catch (error) {
      log.warn("Could not see what a command made of an instance", { cell, instance: id, error });
    }
  };

  /** Changes the row, if it is still there. */
  const changeRow = (run: Run, changes: Changes | ((row: StoredInstance) => Changes)): Promise<void> =>
    journal.write(async (trx) => {
      const row = await findInstance(trx, run.state.id);
      if (row) await changeInstance(deps, trx, row, typeof changes === "function" ? changes(row) : changes, run);
    });

  return { command, changeRow, look };
}
