import type { Task } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { TaskBadge } from "../view/badges.tsx";
import { Bar } from "../view/charts.tsx";
import { Said, Time } from "../view/parts.tsx";
import { hasEnded } from "./state.ts";
import { taskTitle } from "./words.ts";

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
            <b safe>{taskTitle(visit, task.operation, task.resource.name)}</b>
          </a>
          <TaskBadge visit={visit} state={task.state} />
        </div>
        {hasEnded(task.state) ? (
          <p class="quiet">
            {task.error ? <Said visit={visit} text={task.error.message} /> : null}{" "}
            <Time at={task.endedAt ?? task.createdAt} relative />
          </p>
        ) : (
          <>
            <Bar percent={task.progress} label={visit.t("Progress")} />
            <p class="quiet task-row-foot">
              <span safe>{visit.say(currentStep(task)?.title ?? visit.t("waiting"))}</span>
              <span safe>{visit.duration(elapsed(task, visit.facts.now))}</span>
            </p>
          </>
        )}
      </li>
    ))}
  </ul>
);
