/** Starting, stopping and rebooting. Each is one command to the cell; the guest's own part follows in the cell's reports. */
import { CellIdSchema, Closed, InstanceIdSchema, type Static, Type, timestamp } from "@nano/contract";
import { defineSaga, type Saga } from "../tasks/saga.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";
import { fetchMedia, Media } from "./media-sagas.ts";

const reference = { id: InstanceIdSchema, epoch: Type.Integer({ minimum: 0 }), cell: CellIdSchema };
export const StartState = Closed({
  ...reference,
  media: Type.Optional(Media),
});
export type StartState = Static<typeof StartState>;
export const ForceableState = Closed({ ...reference, force: Type.Boolean() });
export type ForceableState = Static<typeof ForceableState>;

export const powerSagas = (deps: InstanceDeps): Saga[] => {
  const { ask, clock } = deps;
  const { command, changeRow } = commander(deps);

  const start = defineSaga({
    operation: "instance.start",
    state: StartState,
    steps: [
      fetchMedia(deps),
      {
        name: "start",
        title: () => "Start the instance",
        do: async (run) => {
          const { id, epoch, cell, media } = run.state;
          const input = { id, epoch, ...(media ? { media } : {}) };
          await command(run, () => ask(cell, "cell.instance.start", input, run.requestId));
        },
        undo: "An instance that did not start is off; one that did is what was asked for.",
      },
    ],
  });

  const stop = defineSaga({
    operation: "instance.stop",
    state: ForceableState,
    steps: [
      {
        name: "stop",
        title: ({ force }) => (force ? "Pull the plug" : "Press the power button"),
        irrevocable: true,
        do: async (run) => {
          const { id, epoch, cell, force } = run.state;
          // Before the button is pressed: a guest may be quicker than the reply.
          if (!force) await changeRow(run, { stopAskedAt: timestamp(clock.now()) });
          await command(run, () => ask(cell, "cell.instance.stop", { id, epoch, force }, run.requestId));
        },
        undo: async (run) => {
          if (!run.state.force) await changeRow(run, { stopAskedAt: null });
        },
      },
    ],
  });

  const reboot = defineSaga({
    operation: "instance.reboot",
    state: ForceableState,
    steps: [
      {
        name: "reboot",
        title: ({ force }) => (force ? "Press the reset button" : "Ask the guest to restart"),
        irrevocable: true,
        do: async (run) => {
          const { id, epoch, cell, force } = run.state;
          // A guest that was shutting down begins anew.
          if (force) await changeRow(run, { stopAskedAt: null });
          await command(run, () => ask(cell, "cell.instance.reboot", { id, epoch, force }, run.requestId));
        },
        undo: "A restart cannot be taken back, and needs not be.",
      },
    ],
  });
  return [start, stop, reboot];
};
