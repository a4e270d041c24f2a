/**
 * Starting, stopping and rebooting. Each is one command to the cell; the guest's own part follows in the cell's
 * reports, and a task that asked the guest for something lasts until then.
 */
import {
  CellIdSchema,
  Closed,
  guestPatience,
  InstanceIdSchema,
  type Static,
  type Timestamp,
  Type,
  timestamp,
} from "@nano/contract";
import { defineSaga, type Saga, type StepRun } from "../tasks/saga.ts";
import type { Changes } from "./change.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";
import { AskedState, waitForGuest } from "./guest.ts";
import { fetchMedia, Media } from "./media-sagas.ts";
import { findInstance, type StoredInstance } from "./store.ts";

const reference = { id: InstanceIdSchema, epoch: Type.Integer({ minimum: 0 }), cell: CellIdSchema };
export const StartState = Closed({
  ...reference,
  media: Type.Optional(Media),
});
export type StartState = Static<typeof StartState>;

export const powerSagas = (deps: InstanceDeps): Saga[] => {
  const { ask, clock, db } = deps;
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

  /** The guest's own part may take long: whoever has the lock meanwhile has it for nothing. */
  const released = (run: StepRun<AskedState>, row: StoredInstance): Changes =>
    row.task === run.taskId && !run.state.force && run.state.timeoutSeconds !== undefined ? { task: null } : {};
  const until = ({ timeoutSeconds = guestPatience.default }: AskedState): Timestamp =>
    timestamp(clock.now() + timeoutSeconds * 1_000);

  const stop = defineSaga({
    operation: "instance.stop",
    state: AskedState,
    steps: [
      {
        name: "stop",
        title: ({ force }) => (force ? "Pull the plug" : "Press the power button"),
        irrevocable: true,
        do: async (run) => {
          const { id, epoch, cell, force } = run.state;
          const row = await findInstance(db, id);
          const asked = run.state.asked ?? { until: until(run.state), restartedAt: row?.restartedAt ?? null };
          // Before the button is pressed: a guest may be quicker than the reply.
          if (!force) await changeRow(run, { stopAskedAt: timestamp(clock.now()), stopUntil: asked.until });
          await command(
            run,
            () => ask(cell, "cell.instance.stop", { id, epoch, force }, run.requestId),
            (now) => released(run, now),
          );
          run.keep({ ...run.state, asked });
        },
        undo: async (run) => {
          // A button that was pressed stays pressed: the guest may follow until its time is over.
          if (!run.state.force && run.state.asked === undefined) await changeRow(run, { stopAskedAt: null });
        },
      },
      waitForGuest(deps, {
        title: "Wait until the guest has shut down",
        asked: "shut down",
        look: ({ state, restartedAt }, { asked }) => {
          if (state === "stopped" || state === "crashed" || state === "missing") return "yes";
          if (asked && restartedAt !== null && restartedAt !== asked.restartedAt)
            return { instead: "was restarted before it had shut down" };
          return "not yet";
        },
      }),
    ],
  });

  const reboot = defineSaga({
    operation: "instance.reboot",
    state: AskedState,
    steps: [
      {
        name: "reboot",
        title: ({ force }) => (force ? "Press the reset button" : "Ask the guest to restart"),
        irrevocable: true,
        do: async (run) => {
          const { id, epoch, cell, force } = run.state;
          const row = await findInstance(db, id);
          // A step that is done again does not wait for another restart.
          const asked = run.state.asked ?? { until: until(run.state), restartedAt: row?.restartedAt ?? null };
          // A guest that was shutting down begins anew.
          if (force) await changeRow(run, { stopAskedAt: null });
          await command(
            run,
            () => ask(cell, "cell.instance.reboot", { id, epoch, force }, run.requestId),
            (now) => released(run, now),
          );
          run.keep({ ...run.state, asked });
        },
        undo: "A restart cannot be taken back, and needs not be.",
      },
      waitForGuest(deps, {
        title: "Wait until the guest has restarted",
        asked: "restart",
        look: ({ state, restartedAt }, { asked }) => {
          if (asked && restartedAt !== null && restartedAt !== asked.restartedAt) return "yes";
          if (state === "stopped" || state === "crashed" || state === "missing")
            return { instead: "is off instead of having restarted" };
          return "not yet";
        },
      }),
    ],
  });
  return [start, stop, reboot];
};
