/**
 * Cloning an instance, step by step. A full clone is a create whose disks are copied. Of a linked one the disks, and
 * the source's next files, are laid over the source's present files first; only then does the source switch to its next
 * files. Until it has, nothing was written over those present files, so taking everything back loses nothing; and only
 * after that is the clone started, so that nothing ever writes what it lies over.
 */
import { Closed, InstanceSpec, NanoError, type Observed, type Static, Type } from "@nano/contract";
import { defineSaga, type Saga } from "../tasks/saga.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";
import { pollCopy } from "./fetch.ts";
import { MakingState, makingSteps } from "./making-steps.ts";

export const CloneState = Closed({
  ...MakingState.properties,
  linked: Type.Boolean(),
  /** The source as it is, and as it is over its frozen files. */
  source: InstanceSpec,
  after: InstanceSpec,
  /** Whether the source's present files were frozen; otherwise it stays as it is. */
  frozen: Type.Optional(Type.Boolean()),
});
export type CloneState = Static<typeof CloneState>;

const plural = (count: number, of: string): string =>
  count === 1 ? `the disk of ${of}` : `the ${count} disks of ${of}`;

export const cloneSaga = (deps: InstanceDeps): Saga => {
  const { ask } = deps;
  const { reserve, seed, define, start, finish, deleteDisks } = makingSteps(deps);
  const { command } = commander(deps);
  return defineSaga({
    operation: "instance.clone",
    state: CloneState,
    steps: [
      reserve,
      {
        name: "copy-disks",
        title: ({ source }) => `Copy ${plural(source.disks.length, source.name)}`,
        when: ({ linked }) => !linked,
        patienceMs: 60_000,
        do: async (run) => {
          const { spec, source, cell } = run.state;
          let before = 0;
          for (const { name } of spec.disks) {
            let whole = 0;
            // One figure for all of them, as far as their sizes are known.
            const progress = (done: number, total = 0) => {
              whole = total;
              run.progress(before + done, before + total);
            };
            const input = { id: spec.id, epoch: spec.epoch, disk: name, from: source.id };
            await pollCopy({ signal: run.signal, aside: run.aside, progress }, () =>
              ask(cell, "cell.disk.copy", input, run.requestId),
            );
            before += whole;
          }
        },
        undo: deleteDisks,
      },
      {
        name: "link-disks",
        title: ({ source }) =>
          `Create ${source.disks.length === 1 ? "an overlay" : "overlays"} of ${plural(source.disks.length, source.name)}`,
        when: ({ linked }) => linked,
        do: async ({ state, requestId, keep }) => {
          const { id, epoch } = state.source;
          const generation = Math.max(0, ...state.after.disks.map((disk) => disk.generation ?? 0));
          const input = { id, epoch, generation, to: state.spec.id };
          const { frozen } = await ask(state.cell, "cell.disk.link", input, requestId);
          keep({ ...state, frozen });
        },
        undo: async (run) => {
          const { source, cell } = run.state;
          // In the source's turn: what was asked of it before has ended then. Its next files go; with the clone's, so
          // does the mark on the present ones.
          for (const { name } of source.disks)
            await ask(cell, "cell.disk.discard", { id: source.id, epoch: source.epoch, disk: name }, run.requestId);
          await deleteDisks(run);
        },
      },
      seed,
      {
        ...define,
        do: async (run) => {
          await define.do(run);
          const { spec, linked, cell } = run.state;
          // What said that the copies are whole.
          for (const { name } of linked ? [] : spec.disks)
            await ask(cell, "cell.disk.discard", { id: spec.id, epoch: spec.epoch, disk: name }, run.requestId);
        },
      },
      {
        name: "switch-source",
        title: ({ source }) => `Have ${source.name} go on in files of its own`,
        when: ({ linked }) => linked,
        do: async (run) => {
          const { frozen, after, source, cell } = run.state;
          if (!frozen) return;
          let state: Observed["state"] = "stopped";
          const define = async () => {
            const observed = await ask(cell, "cell.instance.define", after, run.requestId);
            state = observed.state;
            return observed;
          };
          await command({ ...run, state: { id: source.id, cell } }, define, () => ({ disks: after.disks }));
          // Whoever started it has it write to what the clone lies over.
          if (state !== "stopped" && state !== "crashed")
            throw new NanoError("wrong-state", `${source.name} was started meanwhile, outside Nano`, {
              remedy: "Stop it, and clone it again.",
              details: { state },
            });
        },
        undo: "It may have written to them since, and loses nothing by lying over frozen ones.",
      },
      start,
      finish,
    ],
  });
};
