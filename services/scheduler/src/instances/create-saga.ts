/** Making an instance, step by step. */
import { CellIdSchema, Closed, ImageIdSchema, InstanceSpec, Observed, type Static, Type } from "@nano/contract";
import { defineSaga, type Saga } from "../tasks/saga.ts";
import { changeInstance } from "./change.ts";
import { deleteSeed, writeSeed } from "./cloud-init/seed.ts";
import type { InstanceDeps } from "./deps.ts";
import { fetchVolume } from "./fetch.ts";
import { observe } from "./observe.ts";
import { releaseInstance } from "./release.ts";
import { findInstance } from "./store.ts";

export const CreateState = Closed({
  spec: InstanceSpec,
  cell: CellIdSchema,
  cellName: Type.String(),
  image: Type.Optional(Closed({ id: ImageIdSchema, name: Type.String() })),
  start: Type.Boolean(),
  /** What the cell said of it last. */
  observed: Type.Optional(Observed),
});
export type CreateState = Static<typeof CreateState>;

export const createSaga = (deps: InstanceDeps): Saga => {
  const { ask, journal, bus, clock } = deps;
  return defineSaga({
    operation: "instance.create",
    state: CreateState,
    steps: [
      {
        name: "reserve",
        title: ({ cellName }) => `Reserve room on ${cellName}`,
        // Done in the transaction that began the task: the instance's row is the reservation.
        do: async () => {},
        undo: (run) => releaseInstance(deps, run.state.spec.id, run),
      },
      {
        name: "fetch-image",
        title: ({ image }) => `Fetch the image ${image?.name ?? ""}`.trimEnd(),
        when: ({ image }) => image !== undefined,
        patienceMs: 60_000,
        do: async (run) => {
          const { image, cell } = run.state;
          if (!image) return;
          const source = await bus.call("image.source", { id: image.id }, { requestId: run.requestId });
          await fetchVolume(deps, run, cell, source);
        },
        undo: "The verified copy stays for the next instance; the cell collects what nothing refers to.",
      },
      {
        name: "create-disks",
        title: ({ spec }) => (spec.disks.length === 1 ? "Create the disk" : `Create the ${spec.disks.length} disks`),
        do: async ({ state: { spec, cell }, requestId }) => {
          for (const { name, sizeGiB, image } of spec.disks) {
            const base = image ? { base: image.sha256 } : {};
            await ask(
              cell,
              "cell.disk.create",
              { id: spec.id, epoch: spec.epoch, disk: name, sizeGiB, ...base },
              requestId,
            );
          }
        },
        undo: async ({ state: { spec, cell }, requestId }) => {
          for (const { name } of spec.disks)
            await ask(cell, "cell.disk.delete", { id: spec.id, epoch: spec.epoch, disk: name }, requestId);
        },
      },
      {
        name: "write-seed",
        title: () => "Write the cloud-init drive",
        when: ({ spec }) => spec.cloudInit !== undefined,
        do: ({ state: { spec, cell }, requestId }) => writeSeed(deps, cell, spec, requestId),
        undo: ({ state: { spec, cell }, requestId }) => deleteSeed(deps, cell, spec, requestId),
      },
      {
        name: "define",
        title: () => "Define the instance",
        do: async ({ state, requestId, keep }) =>
          keep({ ...state, observed: await ask(state.cell, "cell.instance.define", state.spec, requestId) }),
        undo: async ({ state: { spec, cell }, requestId }) => {
          await ask(cell, "cell.instance.undefine", { id: spec.id, epoch: spec.epoch }, requestId);
        },
      },
      {
        name: "start",
        title: () => "Start the instance",
        when: ({ start }) => start,
        do: async ({ state, requestId, keep }) => {
          const { id, epoch } = state.spec;
          keep({ ...state, observed: await ask(state.cell, "cell.instance.start", { id, epoch }, requestId) });
        },
        undo: "Undefining the instance, which follows, ends it.",
      },
      {
        name: "finish",
        title: () => "Put it into service",
        do: async (run) => {
          const { spec, observed } = run.state;
          await journal.write(async (trx) => {
            const row = await findInstance(trx, spec.id);
            // In service already, when this runs a second time: the cell's reports are newer than what we keep.
            if (row?.state !== "creating") return;
            const seen = observed ? observe({ ...row, state: "stopped" }, observed, clock.now()) : {};
            await changeInstance(deps, trx, row, { state: "stopped", ...seen }, run);
          });
        },
        undo: async (run) => {
          await journal.write(async (trx) => {
            const row = await findInstance(trx, run.state.spec.id);
            if (row) await changeInstance(deps, trx, row, { state: "creating" }, run);
          });
        },
      },
    ],
  });
};
