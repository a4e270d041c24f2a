/** Taking, restoring and deleting a snapshot. Each is one work of the cell, which is asked after until it is done. */
import {
  CellIdSchema,
  Closed,
  Description,
  InstanceIdSchema,
  InstanceSpec,
  Label,
  NanoError,
  type Observed,
  SnapshotIdSchema,
  type Static,
  Type,
} from "@nano/contract";
import { defineSaga, type Saga, type StepRun } from "../tasks/saga.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";

const reference = {
  id: InstanceIdSchema,
  epoch: Type.Integer({ minimum: 0 }),
  cell: CellIdSchema,
  snapshot: SnapshotIdSchema,
  name: Label,
};
export const CreateSnapshotState = Closed({
  ...reference,
  description: Description,
  memory: Type.Boolean(),
  createdBy: Type.String(),
});
export type CreateSnapshotState = Static<typeof CreateSnapshotState>;
export const RestoreSnapshotState = Closed({ ...reference, spec: InstanceSpec, stop: Type.Boolean() });
export type RestoreSnapshotState = Static<typeof RestoreSnapshotState>;
export const DeleteSnapshotState = Closed({ ...reference, force: Type.Boolean() });
export type DeleteSnapshotState = Static<typeof DeleteSnapshotState>;

/** Asks the cell again until its work is done; each answer takes its time there. */
export const untilReady = (
  { signal, aside }: Pick<StepRun<unknown>, "signal" | "aside">,
  tell: () => Promise<{ ready: boolean; observed: Observed }>,
): Promise<Observed> =>
  aside(async () => {
    for (;;) {
      signal.throwIfAborted();
      const { ready, observed } = await tell();
      if (ready) return observed;
    }
  });

const ignoringGone = async (work: Promise<void>): Promise<void> => {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof NanoError && error.code === "instance-not-found")) throw error;
  }
};

export const snapshotSagas = (deps: InstanceDeps): Saga[] => {
  const { ask } = deps;
  const { command } = commander(deps);

  const remove = (run: StepRun<Static<typeof DeleteSnapshotState>>): Promise<void> => {
    const { id, epoch, cell, snapshot, force } = run.state;
    const input = { id, epoch, task: run.taskId, snapshot, force };
    return command(run, () => untilReady(run, () => ask(cell, "cell.snapshot.delete", input, run.requestId)));
  };

  const create = defineSaga({
    operation: "snapshot.create",
    state: CreateSnapshotState,
    steps: [
      {
        name: "take",
        title: ({ name, memory }) => `Take the snapshot ${name}${memory ? " with its memory" : ""}`,
        do: (run) => {
          const { id, epoch, cell, snapshot, name, description, memory, createdBy } = run.state;
          const input = { id, epoch, task: run.taskId, snapshot, name, description, memory, createdBy };
          return command(run, () => untilReady(run, () => ask(cell, "cell.snapshot.create", input, run.requestId)));
        },
        undo: (run) => ignoringGone(remove({ ...run, state: { ...run.state, force: true }, keep: () => {} })),
      },
    ],
  });

  const restore = defineSaga({
    operation: "snapshot.restore",
    state: RestoreSnapshotState,
    steps: [
      {
        name: "stop",
        title: () => "Pull the plug",
        when: ({ stop }) => stop,
        irrevocable: true,
        do: async (run) => {
          const { id, epoch, cell } = run.state;
          await command(run, () => ask(cell, "cell.instance.stop", { id, epoch, force: true }, run.requestId));
        },
        undo: "It was to be stopped: what it had in its memory is gone.",
      },
      {
        name: "restore",
        title: ({ name }) => `Restore the snapshot ${name}`,
        irrevocable: true,
        do: (run) => {
          const { id, epoch, cell, snapshot, spec } = run.state;
          const input = { id, epoch, task: run.taskId, snapshot, spec };
          return command(
            run,
            () => untilReady(run, () => ask(cell, "cell.snapshot.restore", input, run.requestId)),
            () => ({ stopAskedAt: null }),
          );
        },
        undo: "What its disks held before is gone; what did not go back is as it was.",
      },
    ],
  });

  const drop = defineSaga({
    operation: "snapshot.delete",
    state: DeleteSnapshotState,
    steps: [
      {
        name: "delete",
        title: ({ name }) => `Delete the snapshot ${name}`,
        irrevocable: true,
        do: remove,
        undo: "A deleted snapshot does not come back; one that is still there stays.",
      },
    ],
  });
  return [create, restore, drop];
};
