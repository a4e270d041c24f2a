/** Bringing a changed instance to its cell: its definition first, then whatever the running guest can have now. */
import { CellIdSchema, Closed, InstanceIdSchema, InstanceSpec, type Static, settingsOf, Type } from "@nano/contract";
import { defineSaga, type Saga } from "../tasks/saga.ts";
import { changeInstance } from "./change.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";
import { findInstance, findInstanceByName } from "./store.ts";

export const ModifyState = Closed({
  id: InstanceIdSchema,
  epoch: Type.Integer({ minimum: 0 }),
  cell: CellIdSchema,
  before: InstanceSpec,
  after: InstanceSpec,
  /** It was running when it was changed. */
  live: Type.Boolean(),
});
export type ModifyState = Static<typeof ModifyState>;

export const modifySaga = (deps: InstanceDeps): Saga => {
  const { ask, journal } = deps;
  const { command } = commander(deps);
  return defineSaga({
    operation: "instance.modify",
    state: ModifyState,
    steps: [
      {
        name: "reserve",
        title: () => "Reserve what it grows by",
        // Done in the transaction that began the task: the instance's row is the reservation.
        do: async () => {},
        undo: async (run) => {
          const { id, before } = run.state;
          await journal.write(async (trx) => {
            const row = await findInstance(trx, id);
            if (!row) return;
            const taken = await findInstanceByName(trx, before.name);
            const { description, owner, autostart, cores, memoryMiB } = before;
            const changes = { description, owner, autostart, cores, memoryMiB, settings: settingsOf(before) };
            // Somebody else may have taken the old name meanwhile: then the new one stays.
            const name = taken && taken.id !== id ? row.name : before.name;
            await changeInstance(deps, trx, row, { ...changes, name }, run);
          });
        },
      },
      {
        name: "define",
        title: () => "Change its definition",
        do: (run) => command(run, () => ask(run.state.cell, "cell.instance.define", run.state.after, run.requestId)),
        undo: async (run) => {
          const { id, epoch, cell, before, live } = run.state;
          await command(run, () => ask(cell, "cell.instance.define", before, run.requestId));
          // The guest may have got some of it.
          if (live) await command(run, () => ask(cell, "cell.instance.apply", { id, epoch }, run.requestId));
        },
      },
      {
        name: "apply",
        title: () => "Give the running guest what it can have now",
        when: ({ live }) => live,
        do: async (run) => {
          const { id, epoch, cell } = run.state;
          await command(run, () => ask(cell, "cell.instance.apply", { id, epoch }, run.requestId));
        },
        undo: "The definition's undo, which follows, gives the guest back what it had.",
      },
    ],
  });
};
