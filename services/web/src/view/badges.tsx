import type { Cell, Image, InstanceState, Output, Rendition, TaskState } from "@nano/contract";
import type { Visit } from "../http/visit.ts";

type Tone = "good" | "busy" | "idle" | "bad" | "warn";

const instanceTones: Record<InstanceState, Tone> = {
  creating: "busy",
  stopped: "idle",
  running: "good",
  stopping: "busy",
  paused: "warn",
  crashed: "bad",
  deleting: "busy",
  lost: "bad",
  missing: "bad",
};
const taskTones: Record<TaskState, Tone> = {
  queued: "idle",
  running: "busy",
  unwinding: "warn",
  done: "good",
  failed: "bad",
  cancelled: "idle",
};
const imageTones: Record<Image["state"], Tone> = { uploading: "busy", checking: "busy", ready: "good", failed: "bad" };

const renditionTones: Record<Rendition["state"], Tone> = {
  waiting: "idle",
  converting: "busy",
  ready: "good",
  failed: "bad",
};

type FileState = Output<"cell.files">["items"][number]["state"];
const fileTones: Record<FileState, Tone> = { ready: "good", fetching: "busy", damaged: "bad", missing: "bad" };

export const Badge = ({ tone, text, title }: { tone: Tone; text: string; title?: string }) => (
  <span class={`badge tone-${tone}`} title={title}>
    <span class="badge-dot" />
    <span safe>{text}</span>
  </span>
);

export const InstanceBadge = ({ visit, state }: { visit: Visit; state: InstanceState }) => (
  <Badge tone={instanceTones[state]} text={visit.word(state)} />
);
export const TaskBadge = ({ visit, state }: { visit: Visit; state: TaskState }) => (
  <Badge tone={taskTones[state]} text={visit.word(state)} />
);
export const ImageBadge = ({ visit, state }: { visit: Visit; state: Image["state"] }) => (
  <Badge tone={imageTones[state]} text={visit.word(state)} />
);
/** Of an image's file in another format. */
export const RenditionBadge = ({ visit, state }: { visit: Visit; state: Rendition["state"] }) => (
  <Badge tone={renditionTones[state]} text={visit.word(state)} />
);
/** Of a file that a cell keeps. */
export const FileStateBadge = ({ visit, state }: { visit: Visit; state: FileState }) => (
  <Badge tone={fileTones[state]} text={visit.word(state)} />
);
export const CellBadge = ({ visit, cell }: { visit: Visit; cell: Cell }) =>
  !cell.online ? (
    <Badge tone="bad" text={visit.t("offline")} />
  ) : cell.pool === undefined ? (
    <Badge tone="warn" text={visit.t("not in a pool")} />
  ) : cell.enabled ? (
    <Badge tone="good" text={visit.t("online")} />
  ) : (
    <Badge tone="idle" text={visit.t("disabled")} />
  );
