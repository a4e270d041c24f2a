/**
 * A disk becomes an image: registered, so that its name is taken and people see it coming; copied on its cell; sent
 * from there to the image service; and the copy is deleted, on every way out. The instance is locked meanwhile: its
 * disk must not change under the copy.
 */
import {
  CellIdSchema,
  Closed,
  Description,
  DiskName,
  DiskSource,
  ImageIdSchema,
  ImageTags,
  type Input,
  InstanceIdSchema,
  Label,
  NanoError,
  type Static,
  Type,
} from "@nano/contract";
import { defineSaga, type Saga, type StepRun } from "../tasks/saga.ts";
import type { InstanceDeps } from "./deps.ts";
import { pollCopy } from "./fetch.ts";

export const ExportState = Closed({
  id: InstanceIdSchema,
  epoch: Type.Integer({ minimum: 0 }),
  cell: CellIdSchema,
  disk: DiskName,
  image: ImageIdSchema,
  name: Label,
  description: Description,
  tags: ImageTags,
  source: DiskSource,
  /** Absent in a task from before there were groups. */
  group: Type.Optional(Label),
});
export type ExportState = Static<typeof ExportState>;
type Run = StepRun<ExportState>;

/**
 * A restart of the image service, or of the cell, costs the bytes that were sent, not the task. It shows what keeps it,
 * and can be cancelled.
 */
const sendingPatienceMs = 6 * 3_600_000;

export const exportSaga = (deps: Pick<InstanceDeps, "ask" | "bus">): Saga => {
  const { ask, bus } = deps;
  const reference = ({ state: { id, epoch, image } }: Run) => ({ id, epoch, image });

  const endExport = async (run: Run): Promise<void> => {
    await ask(run.state.cell, "cell.disk.end-export", reference(run), run.requestId);
  };

  /** Undefined while the cell is sending: a ticket works once, and only when nobody does. */
  const newTicket = async ({ state: { image }, requestId }: Run): Promise<Input<"cell.disk.send-export">["upload"]> => {
    try {
      const { url, ticket } = await bus.call("image.upload", { id: image }, { requestId });
      return { url, ticket };
    } catch (error) {
      if (error instanceof NanoError && error.code === "upload-in-progress") return undefined;
      throw error;
    }
  };

  const send = async (run: Run): Promise<void> => {
    const { image, cell } = run.state;
    // It was sent, and the end of that was not written down any more.
    if ((await bus.call("image.get", { id: image }, { requestId: run.requestId })).state === "ready") return;
    let upload = await newTicket(run);
    await pollCopy(run, () => {
      const question = { ...reference(run), ...(upload ? { upload } : {}) };
      upload = undefined;
      return ask(cell, "cell.disk.send-export", question, run.requestId);
    });
  };

  return defineSaga({
    operation: "disk.export",
    state: ExportState,
    result: ({ image, name }) => ({ type: "image", id: image, name }),
    steps: [
      {
        name: "register",
        title: ({ name }) => `Register the image ${name}`,
        plainTitle: "Register the image",
        do: async ({ state, actor, requestId }) => {
          const { image: id, name, description, tags, source, group } = state;
          const whose = { owner: actor.name, ...(group === undefined ? {} : { group }) };
          const record = { id, name, description, tags, source, ...whose };
          await bus.call("image.begin", record, { requestId });
        },
        undo: async ({ state, requestId }) => {
          await bus
            .call("image.delete", { id: state.image, force: true }, { requestId })
            .catch(unless("image-not-found"));
        },
      },
      {
        name: "copy",
        title: ({ disk }) => `Copy the disk ${disk}`,
        patienceMs: 60_000,
        do: (run) =>
          pollCopy(run, () => {
            const { cell, disk } = run.state;
            return ask(cell, "cell.disk.copy-export", { ...reference(run), disk }, run.requestId);
          }),
        undo: endExport,
      },
      {
        name: "send",
        title: () => "Send the copy to the image service",
        patienceMs: sendingPatienceMs,
        do: send,
        undo: "Deleting the copy ends what is sent of it, and the record goes with what has arrived.",
      },
      {
        name: "discard",
        title: () => "Delete the copy",
        onwardsOnly: true,
        do: endExport,
        undo: "The image is complete.",
      },
    ],
  });
};

/** For what is gone already when it is to go. */
const unless =
  (code: string) =>
  (error: unknown): void => {
    if (!(error instanceof NanoError) || error.code !== code) throw error;
  };
