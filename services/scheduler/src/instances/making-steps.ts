/** The steps that make an instance, whatever its disks come from: used by the sagas that create and clone. */
import { CellIdSchema, Closed, InstanceSpec, Observed, type Static, Type } from "@nano/contract";
import type { StepDefinition } from "../tasks/saga.ts";
import { changeInstance } from "./change.ts";
import { deleteSeed, writeSeed } from "./cloud-init/seed.ts";
import type { InstanceDeps } from "./deps.ts";
import { isNewer, once } from "./newer.ts";
import { observe } from "./observe.ts";
import { releaseInstance } from "./release.ts";
import { findInstance } from "./store.ts";

export const MakingState = Closed({
  spec: InstanceSpec,
  cell: CellIdSchema,
  cellName: Type.String(),
  start: Type.Boolean(),
  /** What the cell said of it last. */
  observed: Type.Optional(Observed),
});
export type MakingState = Static<typeof MakingState>;
type Step = StepDefinition<MakingState>;

export const makingSteps = (deps: InstanceDeps) => {
  const { ask, journal, clock, registry } = deps;
  const reserve: Step = {
    name: "reserve",
    title: ({ cellName }) => `Reserve room on ${cellName}`,
    // Done in the transaction that began the task: the instance's row is the reservation.
    do: async () => {},
    undo: (run) => releaseInstance(deps, run.state.spec.id, run),
  };
  const seed: Step = {
    name: "write-seed",
    title: () => "Write the cloud-init drive",
    when: ({ spec }) => spec.cloudInit !== undefined,
    do: ({ state: { spec, cell }, requestId }) => writeSeed(deps, cell, spec, requestId),
    undo: ({ state: { spec, cell }, requestId }) => deleteSeed(deps, cell, spec, requestId),
  };
  const define: Step = {
    name: "define",
    title: () => "Define the instance",
    do: async ({ state, requestId, keep }) =>
      keep({ ...state, observed: await ask(state.cell, "cell.instance.define", state.spec, requestId) }),
    undo: async ({ state: { spec, cell }, requestId }) => {
      await ask(cell, "cell.instance.undefine", { id: spec.id, epoch: spec.epoch }, requestId);
    },
  };
  const start: Step = {
    name: "start",
    title: () => "Start the instance",
    when: ({ start }) => start,
    do: async ({ state, requestId, keep }) => {
      const { id, epoch } = state.spec;
      keep({ ...state, observed: await ask(state.cell, "cell.instance.start", { id, epoch }, requestId) });
    },
    undo: "Undefining the instance, which follows, ends it.",
  };
  const finish: Step = {
    name: "finish",
    title: () => "Put it into service",
    do: async (run) => {
      const { spec, cell } = run.state;
      const { id, epoch } = spec;
      let { observed } = run.state;
      const settle = (): Promise<boolean> => {
        const isNews = once(() => observed === undefined || isNewer(registry.find(cell), observed, undefined));
        return journal.write(async (trx) => {
          const row = await findInstance(trx, id);
          // In service already, when this runs a second time: the cell's reports are newer than what we keep.
          if (row?.state !== "creating") return true;
          if (!isNews()) return false;
          const seen = observed ? observe({ ...row, state: "stopped" }, observed, clock.now()) : {};
          await changeInstance(deps, trx, row, { state: "stopped", ...seen }, run);
          return true;
        });
      };
      // A report that came since said how it is, and its state was not taken: until now that was the task's.
      while (!(await settle())) observed = await ask(cell, "cell.instance.apply", { id, epoch }, run.requestId);
    },
    undo: async (run) => {
      await journal.write(async (trx) => {
        const row = await findInstance(trx, run.state.spec.id);
        if (row) await changeInstance(deps, trx, row, { state: "creating" }, run);
      });
    },
  };
  /** Its files are known by its id and their names, however far an attempt to make them came. */
  const deleteDisks: Exclude<Step["undo"], string> = async ({ state: { spec, cell }, requestId }) => {
    for (const { name } of spec.disks)
      await ask(cell, "cell.disk.delete", { id: spec.id, epoch: spec.epoch, disk: name }, requestId);
  };
  return { reserve, seed, define, start, finish, deleteDisks };
};
