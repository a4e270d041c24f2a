/** Pausing and resuming: one command each, whose answer says what the cell made of it. */
import { CellIdSchema, Closed, InstanceIdSchema, Type } from "@nano/contract";
import { defineSaga, type Saga } from "../tasks/saga.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";

const PauseState = Closed({ id: InstanceIdSchema, epoch: Type.Integer({ minimum: 0 }), cell: CellIdSchema });

export const pauseSagas = (deps: InstanceDeps): Saga[] => {
  const { command } = commander(deps);
  const saga = (verb: "pause" | "resume", title: string, undo: string): Saga =>
    defineSaga({
      operation: `instance.${verb}`,
      state: PauseState,
      steps: [
        {
          name: verb,
          title: () => title,
          do: async (run) => {
            const { id, epoch, cell } = run.state;
            await command(run, () => deps.ask(cell, `cell.instance.${verb}`, { id, epoch }, run.requestId));
          },
          undo,
        },
      ],
    });
  return [
    saga("pause", "Pause the instance", "One that could not be paused runs; one that was is what was asked for."),
    saga(
      "resume",
      "Resume the instance",
      "One that could not be resumed is paused; one that was is what was asked for.",
    ),
  ];
};
