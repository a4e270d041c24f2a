/**
 * Network interfaces that come and go. The definition is the truth about them: it changes first, then the running guest
 * is given what it says. The row, by which an address is somebody's, has the interface before its definition has it,
 * and longer.
 */
import {
  CellIdSchema,
  Closed,
  InstanceIdSchema,
  InstanceSpec,
  NanoError,
  Nic,
  nicsOf,
  type Static,
  Type,
} from "@nano/contract";
import { defineSaga, type Saga, type StepDefinition, type StepRun } from "../tasks/saga.ts";
import { writeSeed } from "./cloud-init/seed.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";

export const NicState = Closed({
  id: InstanceIdSchema,
  epoch: Type.Integer({ minimum: 0 }),
  cell: CellIdSchema,
  /** The one that comes or goes. */
  nic: Nic,
  before: InstanceSpec,
  after: InstanceSpec,
});
export type NicState = Static<typeof NicState>;
type Run = StepRun<NicState>;
type Step = StepDefinition<NicState>;

export const nicSagas = (deps: InstanceDeps): Saga[] => {
  const { ask } = deps;
  const { command, changeRow } = commander(deps);

  const keep = (run: Run, spec: InstanceSpec): Promise<void> => changeRow(run, { nics: nicsOf(spec) });
  const define = (run: Run, spec: InstanceSpec): Promise<void> =>
    command(run, () => ask(run.state.cell, "cell.instance.define", spec, run.requestId));
  const plug = (run: Run): Promise<void> => {
    const { id, epoch, cell } = run.state;
    return command(run, () => ask(cell, "cell.instance.plug-nics", { id, epoch }, run.requestId));
  };

  const defineAfter: Omit<Step, "title"> = {
    name: "define",
    do: (run) => define(run, run.state.after),
    undo: async (run) => {
      await define(run, run.state.before);
      try {
        await plug(run);
      } catch (error) {
        // A guest that does not let go keeps it for this run; that it waits for the next start is shown.
        if (!(error instanceof NanoError && error.code === "in-use")) throw error;
      }
    },
  };
  const giveOrTake: Omit<Step, "title"> = {
    name: "plug",
    do: plug,
    undo: "The definition's undo, which follows, gives the guest what it had.",
  };
  /** Of what the guest's first boot, if that is still to come, finds. */
  const seed: Step = {
    name: "write-seed",
    title: () => "Write its cloud-init drive",
    when: ({ after }) => after.cloudInit !== undefined,
    do: ({ state: { cell, after }, requestId }) => writeSeed(deps, cell, after, requestId),
    undo: ({ state: { cell, before }, requestId }) => writeSeed(deps, cell, before, requestId),
  };

  const add = defineSaga({
    operation: "nic.add",
    state: NicState,
    steps: [
      {
        name: "reserve",
        title: ({ nic }) => `Reserve the address ${nic.mac}`,
        // In the transaction that began the task, too: this repeats it.
        do: (run) => keep(run, run.state.after),
        undo: (run) => keep(run, run.state.before),
      },
      seed,
      { ...defineAfter, title: ({ nic }) => `Define the instance with ${nic.name}` },
      { ...giveOrTake, title: () => "Give it to the guest" },
    ],
  });

  const remove = defineSaga({
    operation: "nic.remove",
    state: NicState,
    steps: [
      seed,
      { ...defineAfter, title: ({ nic }) => `Define the instance without ${nic.name}` },
      { ...giveOrTake, title: () => "Take it from the guest" },
      {
        name: "release",
        title: ({ nic }) => `Release the address ${nic.mac}`,
        onwardsOnly: true,
        do: (run) => keep(run, run.state.after),
        undo: "The address may be another's already.",
      },
    ],
  });

  return [add, remove];
};
