import { errorDefinitions, type Task } from "@nano/contract";
import type { Flash, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { hasEnded } from "../tasks/state.ts";
import { Icon } from "./icons.tsx";

/** What an action said: its result, and the task that carries it on. */
export const Toast = ({ visit, flash }: { visit: Visit; flash: Flash }) => {
  const { t } = visit;
  return (
    <div class={`toast toast-${flash.kind}`} data-toast={flash.kind}>
      <Icon name={flash.kind === "done" ? "check" : "warning"} />
      <div class="toast-text">
        <p safe>{flash.error ? visit.say(errorDefinitions[flash.error].title) : t(flash.text, flash.values)}</p>
        {flash.detail ? (
          <p class="quiet" safe>
            {flash.detail}
          </p>
        ) : null}
        {flash.error ? (
          <p class="quiet">
            <span safe>{visit.say(errorDefinitions[flash.error].remedy)}</span>{" "}
            <a href={to.error(flash.error)} safe>
              {t("What does this mean?")}
            </a>
          </p>
        ) : null}
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
    <p
      class={`quiet task-line task-line-${task.state}`}
      id={`toast-${task.id}`}
      hx-get={ended ? undefined : to.taskToast(task.id)}
      hx-trigger={ended ? undefined : "nano:task from:body throttle:400ms, every 3s"}
      hx-swap="outerHTML"
    >
      <a href={to.task(task.id)} safe>
        {ended ? visit.word(task.state) : `${Math.round(task.progress)} %`}
      </a>{" "}
      <span safe>{visit.say(step?.title ?? "")}</span>
    </p>
  );
};
