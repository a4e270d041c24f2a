import { errorDefinitions, type Task } from "@nano/contract";
import type { Flash, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { hasEnded } from "../tasks/state.ts";
import { taskNews } from "../tasks/words.ts";
import { Said } from "./error-notice.tsx";
import { Icon } from "./icons.tsx";
import { WayButton, wayOf } from "./ways.tsx";

/** What an action said: its result, and the task that carries it on. */
export const Toast = ({ visit, flash }: { visit: Visit; flash: Flash }) => {
  const { t } = visit;
  return (
    <div class={`toast toast-${flash.kind}`} data-toast={flash.kind}>
      <Icon name={flash.kind === "done" ? "check" : "warning"} />
      <div class="toast-text">
        <p safe>{flash.error ? visit.say(errorDefinitions[flash.error].title) : t(flash.text, flash.values)}</p>
        {flash.detail ? (
          <p class="quiet">
            <Said visit={visit} text={flash.detail} />
          </p>
        ) : null}
        {flash.error ? (
          <p class="quiet">
            <Said visit={visit} text={flash.remedy ?? errorDefinitions[flash.error].remedy} />
          </p>
        ) : null}
        <WayButton visit={visit} way={flash.way} />
        {flash.task ? (
          <p
            class="quiet"
            id={`toast-${flash.task}`}
            hx-get={to.taskToast(flash.task)}
            hx-trigger="load delay:300ms, nano:task from:body throttle:400ms"
            hx-swap="outerHTML"
          >
            <a href={to.task(flash.task)} safe>
              {t("Follow the task")}
            </a>
          </p>
        ) : null}
      </div>
      <button type="button" class="icon-button js-only" data-close aria-label={t("Close")}>
        <Icon name="cross" />
      </button>
    </div>
  );
};

/** The line of a toast that follows its task; asks again at each of its events until it has ended. */
export const TaskLine = ({ visit, task }: { visit: Visit; task: Task }) => {
  const ended = hasEnded(task.state);
  const step = task.steps.find(({ state }) => state === "running" || state === "undoing");
  return (
    <div
      class={`quiet task-line task-line-${task.state}`}
      id={`toast-${task.id}`}
      hx-get={ended ? undefined : to.taskToast(task.id)}
      hx-trigger={ended ? undefined : "nano:task from:body throttle:400ms, every 3s"}
      hx-swap="outerHTML"
    >
      <a href={to.task(task.id)} safe>
        {ended ? taskNews(visit, task) : `${Math.round(task.progress)} %`}
      </a>{" "}
      {task.error ? (
        <>
          <Said visit={visit} text={task.error.message} /> <WayButton visit={visit} way={wayOf(task.error)} />
        </>
      ) : (
        <span safe>{ended ? "" : visit.say(step?.title ?? "")}</span>
      )}
    </div>
  );
};
