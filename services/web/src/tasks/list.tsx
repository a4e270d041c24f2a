import type { Task } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { formatDuration } from "../text/format.ts";
import { TaskBadge } from "../view/badges.tsx";
import { Bar } from "../view/charts.tsx";
import { Time } from "../view/parts.tsx";
import { hasEnded } from "./state.ts";

/** What a task does, in words: `instance.force-stop` → "Force stop". */
export const taskTitle = (visit: Visit, operation: string): string => {
  const known: Readonly<Record<string, string>> = {
    "instance.create": visit.t("Create"),
    "instance.delete": visit.t("Delete"),
    "instance.start": visit.t("Start"),
    "instance.stop": visit.t("Stop"),
    "instance.reboot": visit.t("Reboot"),
    "disk.export": visit.t("Export as an image"),
  };
  return known[operation] ?? operation;
};

/** Milliseconds it has run, or ran. */
export const elapsed = (task: Task, now: number): number =>
  (task.endedAt ? Date.parse(task.endedAt) : now) - Date.parse(task.startedAt ?? task.createdAt);

export const currentStep = (task: Task) => task.steps.find(({ state }) => state === "running" || state === "undoing");

/** Running tasks, compact, for panels. */
export const TaskRows = ({ visit, tasks }: { visit: Visit; tasks: readonly Task[] }) => (
  <ul class="task-rows">
    {tasks.map((task) => (
      <li id={`task-${task.id}`}>
        <div class="task-row-head">
          <a href={to.task(task.id)}>
            <span safe>{taskTitle(visit, task.operation)}</span> <b safe>{task.resource.name}</b>
          </a>
          <TaskBadge visit={visit} state={task.state} />
        </div>
        {hasEnded(task.state) ? (
          <p class="quiet">
            <span safe>{task.error?.message ?? ""}</span> <Time at={task.endedAt ?? task.createdAt} relative />
          </p>
        ) : (
          <>
            <Bar percent={task.progress} label={visit.t("Progress")} />
            <p class="quiet task-row-foot">
              <span safe>{visit.say(currentStep(task)?.title ?? visit.t("waiting"))}</span>
              <span safe>{formatDuration(elapsed(task, visit.facts.now))}</span>
            </p>
          </>
        )}
      </li>
    ))}
  </ul>
);
