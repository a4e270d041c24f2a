/**
 * Changes of an instance's disks. Each saga knows the specification before and after. What is defined on the cell says
 * which disks there are and in which files; what is in the row is what is reserved: it grows first and shrinks last.
 */
import { CellIdSchema, Closed, Disk, InstanceIdSchema, InstanceSpec, type Static, Type } from "@nano/contract";
import { defineSaga, type Saga, type StepDefinition, type StepRun } from "../tasks/saga.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";
import { pollCopy } from "./fetch.ts";

export const DiskState = Closed({
  id: InstanceIdSchema,
  epoch: Type.Integer({ minimum: 0 }),
  cell: CellIdSchema,
  /** As it will be; of a removal, as it was. */
  disk: Disk,
  before: InstanceSpec,
  after: InstanceSpec,
});
export type DiskState = Static<typeof DiskState>;
type Run = StepRun<DiskState>;
type Step = StepDefinition<DiskState>;

const gibibyte = 2 ** 30;

export const diskSagas = (deps: InstanceDeps): Saga[] => {
  const { ask } = deps;
  const { command, changeRow, look } = commander(deps);

  const reference = ({ state: { id, epoch, disk } }: Run) => ({ id, epoch, disk: disk.name });

  const reserve = (run: Run, spec: InstanceSpec): Promise<void> => changeRow(run, { disks: spec.disks });
  const define = (run: Run, spec: InstanceSpec): Promise<void> =>
    command(run, () => ask(run.state.cell, "cell.instance.define", spec, run.requestId));

  const attach = async (run: Run): Promise<void> => {
    await ask(run.state.cell, "cell.disk.attach", reference(run), run.requestId);
    await look(run);
  };
  const detach = async (run: Run): Promise<void> => {
    await ask(run.state.cell, "cell.disk.detach", reference(run), run.requestId);
  };
  const discard = async (run: Run): Promise<void> => {
    await ask(run.state.cell, "cell.disk.discard", reference(run), run.requestId);
  };
  const remove = async (run: Run): Promise<void> => {
    await ask(run.state.cell, "cell.disk.delete", reference(run), run.requestId);
  };

  const defineAfter: Step = {
    name: "define",
    title: ({ disk }) => `Define the instance with ${disk.name} as it is now`,
    do: (run) => define(run, run.state.after),
    undo: (run) => define(run, run.state.before),
  };

  /** What became of a disk that was to grow: the guest may have used the room already, so what has grown stays so. */
  const settled = async ({ state, requestId }: Run): Promise<InstanceSpec> => {
    const { items } = await ask(state.cell, "cell.disk.list", { id: state.id }, requestId);
    const found = items.find(({ name }) => name === state.disk.name);
    return found && found.capacityBytes >= state.disk.sizeGiB * gibibyte ? state.after : state.before;
  };

  const add = defineSaga({
    operation: "disk.add",
    state: DiskState,
    steps: [
      {
        name: "reserve",
        title: ({ disk }) => `Reserve ${disk.sizeGiB} GiB`,
        // In the transaction that began the task, too: this repeats it.
        do: (run) => reserve(run, run.state.after),
        undo: (run) => reserve(run, run.state.before),
      },
      {
        name: "create",
        title: ({ disk }) => `Create the disk ${disk.name}`,
        do: async (run) => {
          const { sizeGiB, generation } = run.state.disk;
          const input = { ...reference(run), sizeGiB, ...(generation === undefined ? {} : { generation }) };
          await ask(run.state.cell, "cell.disk.create", input, run.requestId);
        },
        undo: remove,
      },
      { ...defineAfter, title: ({ disk }) => `Define the instance with ${disk.name}` },
      { name: "attach", title: () => "Give it to the guest", do: attach, undo: detach },
    ],
  });

  const take = defineSaga({
    operation: "disk.remove",
    state: DiskState,
    steps: [
      { name: "detach", title: () => "Take it from the guest", do: detach, undo: attach },
      { ...defineAfter, title: ({ disk }) => `Define the instance without ${disk.name}` },
      {
        name: "delete",
        title: ({ disk }) => `Delete the disk ${disk.name}`,
        onwardsOnly: true,
        do: remove,
        undo: "Deleted bytes do not come back.",
      },
      {
        name: "release",
        title: ({ disk }) => `Release ${disk.sizeGiB} GiB`,
        onwardsOnly: true,
        do: (run) => reserve(run, run.state.after),
        undo: "The disk is gone.",
      },
    ],
  });

  const grow = defineSaga({
    operation: "disk.grow",
    state: DiskState,
    steps: [
      {
        name: "reserve",
        title: ({ disk }) => `Reserve room for ${disk.sizeGiB} GiB`,
        do: (run) => reserve(run, run.state.after),
        undo: async (run) => reserve(run, await settled(run)),
      },
      {
        ...defineAfter,
        title: ({ disk }) => `Note ${disk.sizeGiB} GiB in its definition`,
        undo: async (run) => define(run, await settled(run)),
      },
      {
        name: "grow",
        title: ({ disk }) => `Grow ${disk.name} to ${disk.sizeGiB} GiB`,
        irrevocable: true,
        do: async (run) => {
          const { sizeGiB } = run.state.disk;
          await ask(run.state.cell, "cell.disk.grow", { ...reference(run), sizeGiB }, run.requestId);
          await look(run);
        },
        undo: "The guest may have used the room already: the steps before settle what it has become.",
      },
    ],
  });

  const shrink = defineSaga({
    operation: "disk.shrink",
    state: DiskState,
    steps: [
      {
        name: "rewrite",
        title: ({ disk }) => `Write ${disk.name} anew without what is empty`,
        patienceMs: 60_000,
        do: (run) =>
          pollCopy(run, () => {
            const generation = run.state.disk.generation ?? 0;
            return ask(run.state.cell, "cell.disk.rewrite", { ...reference(run), generation }, run.requestId);
          }),
        undo: discard,
      },
      {
        name: "switch",
        title: () => "Use the new file",
        do: async (run) => {
          await define(run, run.state.after);
          await reserve(run, run.state.after);
        },
        undo: async (run) => {
          await define(run, run.state.before);
          await reserve(run, run.state.before);
        },
      },
      {
        name: "discard",
        title: () => "Delete the old file",
        onwardsOnly: true,
        do: discard,
        undo: "Deleted bytes do not come back, and the new file holds them.",
      },
    ],
  });

  return [add, take, grow, shrink];
};
