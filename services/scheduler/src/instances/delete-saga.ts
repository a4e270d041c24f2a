/**
 * Removing an instance, step by step. Up to the undefining there is a way back (its disks are untouched, so it is
 * defined again); from the first disk on there is none, and the rest is tried until it succeeds.
 */
import { CellIdSchema, Closed, InstanceSpec, type Static } from "@nano/contract";
import { defineSaga, type Saga } from "../tasks/saga.ts";
import { changeInstance } from "./change.ts";
import { deleteSeed } from "./cloud-init/seed.ts";
import type { InstanceDeps } from "./deps.ts";
import { releaseInstance } from "./release.ts";
import { findInstance } from "./store.ts";

export const DeleteState = Closed({ spec: InstanceSpec, cell: CellIdSchema });
export type DeleteState = Static<typeof DeleteState>;

export const deleteSaga = (deps: InstanceDeps): Saga => {
  const { ask, db, journal } = deps;
  /** Not, when the create that this delete waited for has taken everything back itself. */
  const isThere = async ({ spec }: DeleteState) => (await findInstance(db, spec.id)) !== undefined;
  return defineSaga({
    operation: "instance.delete",
    state: DeleteState,
    steps: [
      {
        name: "mark",
        title: ({ spec }) => `Mark ${spec.name} as being deleted`,
        do: async (run) => {
          await journal.write(async (trx) => {
            const row = await findInstance(trx, run.state.spec.id);
            if (row) await changeInstance(deps, trx, row, { state: "deleting", stateReason: null }, run);
          });
        },
        // `stopped` until the cell's next report, which knows better.
        undo: async (run) => {
          await journal.write(async (trx) => {
            const row = await findInstance(trx, run.state.spec.id);
            if (row) await changeInstance(deps, trx, row, { state: "stopped" }, run);
          });
        },
      },
      {
        name: "undefine",
        title: () => "Undefine the instance",
        do: async ({ state, requestId }) => {
          const { id, epoch } = state.spec;
          if (await isThere(state)) await ask(state.cell, "cell.instance.undefine", { id, epoch }, requestId);
        },
        undo: async ({ state, requestId }) => {
          if (await isThere(state)) await ask(state.cell, "cell.instance.define", state.spec, requestId);
        },
      },
      {
        name: "delete-disks",
        title: ({ spec }) => (spec.disks.length === 1 ? "Delete the disk" : `Delete the ${spec.disks.length} disks`),
        onwardsOnly: true,
        do: async ({ state, requestId }) => {
          const { id, epoch, disks } = state.spec;
          if (!(await isThere(state))) return;
          for (const { name } of disks) await ask(state.cell, "cell.disk.delete", { id, epoch, disk: name }, requestId);
          await deleteSeed(deps, state.cell, state.spec, requestId);
        },
        undo: "Deleted bytes do not come back.",
      },
      {
        name: "release",
        title: () => "Release what was reserved",
        onwardsOnly: true,
        do: (run) => releaseInstance(deps, run.state.spec.id, run),
        undo: "Its disks are gone.",
      },
    ],
  });
};
