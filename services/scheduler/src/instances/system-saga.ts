/**
 * Making a system disk anew, step by step. What may fail comes first; from the erasing on there is no way back, and the
 * rest is tried until it succeeds.
 */
import { CellIdSchema, Closed, Disk, InstanceIdSchema, InstanceSpec, type Static, settingsOf } from "@nano/contract";
import { defineSaga, type Saga } from "../tasks/saga.ts";
import { writeSeed } from "./cloud-init/seed.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";
import { fetchVolume } from "./fetch.ts";

export const ResetState = Closed({
  id: InstanceIdSchema,
  cell: CellIdSchema,
  /** The system disk as it will be. */
  disk: Disk,
  /** With that disk. */
  spec: InstanceSpec,
});
export type ResetState = Static<typeof ResetState>;

const gone = "What was on the disk is gone.";

export const systemSaga = (deps: InstanceDeps): Saga => {
  const { ask, bus } = deps;
  const { command } = commander(deps);
  return defineSaga({
    operation: "system.reset",
    state: ResetState,
    steps: [
      {
        name: "fetch-image",
        title: ({ disk }) => `Fetch the image ${disk.image?.name ?? ""}`.trimEnd(),
        when: ({ disk }) => disk.image !== undefined,
        patienceMs: 60_000,
        do: async (run) => {
          const { disk, cell } = run.state;
          if (!disk.image) return;
          const source = await bus.call("image.source", { id: disk.image.id }, { requestId: run.requestId });
          await fetchVolume(deps, run, cell, source);
        },
        undo: "The verified copy stays for the next instance; the cell collects what nothing refers to.",
      },
      {
        name: "erase",
        title: () => "Erase the system disk",
        onwardsOnly: true,
        do: async ({ state: { id, cell, disk, spec }, requestId }) => {
          await ask(cell, "cell.disk.delete", { id, epoch: spec.epoch, disk: disk.name }, requestId);
        },
        undo: gone,
      },
      {
        name: "create-disk",
        title: ({ disk }) => (disk.image ? `Make it anew from ${disk.image.name}` : "Make it anew, blank"),
        onwardsOnly: true,
        do: async ({ state: { id, cell, disk, spec }, requestId }) => {
          const base = disk.image ? { base: disk.image.sha256 } : {};
          const { name, sizeGiB, generation } = disk;
          const file = { disk: name, sizeGiB, ...(generation === undefined ? {} : { generation }) };
          const input = { id, epoch: spec.epoch, ...file, ...base };
          await ask(cell, "cell.disk.create", input, requestId);
        },
        undo: gone,
      },
      {
        name: "write-seed",
        title: () => "Write its cloud-init drive for another first boot",
        when: ({ spec }) => spec.cloudInit !== undefined,
        onwardsOnly: true,
        do: ({ state: { cell, spec }, requestId }) => writeSeed(deps, cell, spec, requestId),
        undo: gone,
      },
      {
        name: "define",
        title: () => "Define the instance with it",
        onwardsOnly: true,
        do: async (run) => {
          const { cell, spec } = run.state;
          await command(
            run,
            () => ask(cell, "cell.instance.define", spec, run.requestId),
            () => ({ disks: spec.disks, settings: settingsOf(spec) }),
          );
        },
        undo: gone,
      },
    ],
  });
};
