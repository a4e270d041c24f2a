/** Making an instance, step by step. */
import { Closed, ImageIdSchema, type Static, Type } from "@nano/contract";
import { defineSaga, type Saga } from "../tasks/saga.ts";
import type { InstanceDeps } from "./deps.ts";
import { fetchVolume } from "./fetch.ts";
import { MakingState, makingSteps } from "./making-steps.ts";

export const CreateState = Closed({
  ...MakingState.properties,
  image: Type.Optional(Closed({ id: ImageIdSchema, name: Type.String() })),
});
export type CreateState = Static<typeof CreateState>;

export const createSaga = (deps: InstanceDeps): Saga => {
  const { ask, bus } = deps;
  const { reserve, seed, define, start, finish, deleteDisks } = makingSteps(deps);
  return defineSaga({
    operation: "instance.create",
    state: CreateState,
    steps: [
      reserve,
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
        undo: deleteDisks,
      },
      seed,
      define,
      start,
      finish,
    ],
  });
};
