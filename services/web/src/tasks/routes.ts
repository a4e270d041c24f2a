import { type TaskState, taskStates } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, fragmentResponse, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { pageQuery } from "../view/table.tsx";
import { TaskLine } from "../view/toast.tsx";
import { eventsPage } from "./events-page.tsx";
import { taskPage, tasksPage } from "./pages.tsx";

const isTaskState = (text: string): text is TaskState => taskStates.some((state) => state === text);

const listTasks = async (visit: Visit): Promise<Response> => {
  if (visit.query("view") === "events") {
    const before = Number(visit.query("after"));
    const after = Number.isSafeInteger(before) && before > 0 ? before : undefined;
    return eventsPage(
      visit,
      await visit.attempt("event.list", { limit: 200, ...(after === undefined ? {} : { after }) }),
    );
  }
  const state = visit.query("state");
  const filter = isTaskState(state) ? { state } : {};
  // Active ones first: they are few, and what people came for; the rest is history, newest first.
  const [active, tasks] = await Promise.all([
    state === "" && !visit.url.searchParams.has("cursor")
      ? visit.attempt("task.list", { active: true, limit: 50 })
      : undefined,
    visit.call("task.list", { ...pageQuery(visit, 50), ...filter }),
  ]);
  return tasksPage(visit, active?.ok ? active.value.items : [], tasks, state);
};

const showTask = async (visit: Visit): Promise<Response> =>
  taskPage(visit, await visit.call("task.get", { id: readId.task(visit.param("id")) }));

const toastLine = async (visit: Visit): Promise<Response> => {
  const task = await visit.call("task.get", { id: readId.task(visit.param("id")) });
  return fragmentResponse(await TaskLine({ visit, task }));
};

const cancel = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const id = readId.task(visit.param("id"));
  const cancelled = await visit.attempt("task.cancel", { id }, { idempotencyKey: form.text("key") });
  if (!cancelled.ok) return seeOther(visit, to.task(id), failedFlash(cancelled.error));
  return seeOther(visit, to.task(id), {
    kind: "done",
    text: "The task is being cancelled: what it has done is undone",
  });
};

export const taskRoutes: readonly Route[] = [
  get("/tasks", listTasks),
  get("/tasks/:id", showTask),
  get("/tasks/:id/toast", toastLine),
  post("/tasks/:id/cancel", cancel),
];
