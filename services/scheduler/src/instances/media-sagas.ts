/** Putting media into the drive of a running instance, and taking it out. */
import {
  CellIdSchema,
  Closed,
  InstanceIdSchema,
  Label,
  MediaIdSchema,
  Sha256Schema,
  type Static,
  Type,
} from "@nano/contract";
import { defineSaga, type Saga, type StepDefinition } from "../tasks/saga.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";
import { fetchVolume } from "./fetch.ts";

export const Media = Closed({ id: MediaIdSchema, name: Label, sha256: Sha256Schema });
const reference = { id: InstanceIdSchema, epoch: Type.Integer({ minimum: 0 }), cell: CellIdSchema };
export const InsertState = Closed({ ...reference, media: Media, force: Type.Boolean() });
export type InsertState = Static<typeof InsertState>;
export const EjectState = Closed({ ...reference, name: Label, force: Type.Boolean() });
export type EjectState = Static<typeof EjectState>;

/** The step that has the media in the cell's storage, where there is any. */
export const fetchMedia = <S extends Pick<InsertState, "cell"> & { readonly media?: InsertState["media"] }>(
  deps: InstanceDeps,
): StepDefinition<S> => ({
  name: "fetch-media",
  title: ({ media }) => `Fetch ${media?.name ?? "the media image"}`,
  when: ({ media }) => media !== undefined,
  patienceMs: 60_000,
  do: async (run) => {
    const { media, cell } = run.state;
    if (!media) return;
    const source = await deps.bus.call("media.source", { id: media.id }, { requestId: run.requestId });
    await fetchVolume(deps, run, cell, source);
  },
  undo: "The verified copy stays for the next time; the cell collects what nothing refers to.",
});

export const mediaSagas = (deps: InstanceDeps): Saga[] => {
  const { ask } = deps;
  const { command } = commander(deps);
  return [
    defineSaga({
      operation: "media.insert",
      state: InsertState,
      steps: [
        fetchMedia(deps),
        {
          name: "insert",
          title: ({ media }) => `Insert ${media.name}`,
          do: async (run) => {
            const { id, epoch, cell, media, force } = run.state;
            await command(run, () => ask(cell, "cell.media.insert", { id, epoch, media, force }, run.requestId));
          },
          undo: "What went in is what was asked for; what could not go in is not there. The guest has seen it, one way or the other.",
        },
      ],
    }),
    defineSaga({
      operation: "media.eject",
      state: EjectState,
      steps: [
        {
          name: "eject",
          title: ({ name }) => `Eject ${name}`,
          do: async (run) => {
            const { id, epoch, cell, force } = run.state;
            await command(run, () => ask(cell, "cell.media.eject", { id, epoch, force }, run.requestId));
          },
          undo: "An empty drive is what was asked for; one whose tray did not open is as it was.",
        },
      ],
    }),
  ];
};
