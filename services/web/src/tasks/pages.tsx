import { type Output, type Task, type TaskStep, taskStates } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to, withQuery } from "../paths.ts";
import { formatBytes, formatPercent, share } from "../text/format.ts";
import { TaskBadge } from "../view/badges.tsx";
import { Bar } from "../view/charts.tsx";
import { ShowAsCommand } from "../view/command.tsx";
import { Icon, type IconName } from "../view/icons.tsx";
import { page } from "../view/layout.tsx";
import {
  ActionButton,
  DisabledButton,
  Empty,
  ErrorNotice,
  FactRow,
  Facts,
  Live,
  Mono,
  PageHead,
  Panel,
  Said,
  Time,
} from "../view/parts.tsx";
import { Head, Pager } from "../view/table.tsx";
import { currentStep, elapsed } from "./list.tsx";
import { hasEnded } from "./state.ts";
import { taskTitle } from "./words.ts";

export const TaskTable = ({ visit, tasks }: { visit: Visit; tasks: readonly Task[] }) => {
  const { t } = visit;
  return (
    <div class="table-wrap">
      <table class="table">
        <thead>
          <tr>
            <Head text={t("Task")} />
            <Head text={t("Status")} />
            <Head text={t("Progress")} class="grow" />
            <Head text={t("By")} />
            <Head text={t("Began")} />
            <Head text={t("Took")} />
          </tr>
        </thead>
        <tbody>
          {tasks.map((task) => (
            <tr id={`task-${task.id}`}>
              <td data-label={t("Task")}>
                <a class="strong" href={to.task(task.id)}>
                  <span safe>{taskTitle(visit, task.operation, task.resource.name)}</span>
                </a>
              </td>
              <td data-label={t("Status")}>
                <TaskBadge visit={visit} state={task.state} />
              </td>
              <td data-label={t("Progress")} class="grow">
                {hasEnded(task.state) ? (
                  <Said
                    visit={visit}
                    class={task.error ? "text-bad" : "quiet"}
                    text={task.error?.message ?? t("{count} {count|step|steps}", { count: task.steps.length })}
                  />
                ) : (
                  <div class="cell-load">
                    <Bar percent={task.progress} label={t("Progress")} />
                    <span class="quiet" safe>
                      {visit.say(currentStep(task)?.title ?? t("waiting"))}
                    </span>
                  </div>
                )}
              </td>
              <td data-label={t("By")} safe>
                {task.actor.name}
              </td>
              <td data-label={t("Began")}>
                <Time at={task.startedAt ?? task.createdAt} relative />
              </td>
              <td data-label={t("Took")} class="num" safe>
                {visit.duration(elapsed(task, visit.facts.now))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

export const Tabs = ({ visit, state }: { visit: Visit; state: string }) => (
  <nav class="tabs" aria-label={visit.t("Filter")}>
    <a href={to.tasks} aria-current={state === "" ? "page" : undefined} safe>
      {visit.t("All tasks")}
    </a>
    {taskStates.map((one) => (
      <a href={withQuery(to.tasks, { state: one })} aria-current={state === one ? "page" : undefined} safe>
        {visit.word(one)}
      </a>
    ))}
    <a href={withQuery(to.tasks, { view: "events" })} aria-current={state === "events" ? "page" : undefined} safe>
      {visit.t("Events")}
    </a>
  </nav>
);

export const tasksPage = (
  visit: Visit,
  active: readonly Task[],
  tasks: Output<"task.list">,
  state: string,
): Promise<Response> => {
  const { t } = visit;
  const shown = new Set<string>(active.map(({ id }) => id));
  const rest = tasks.items.filter(({ id }) => !shown.has(id));
  return page(
    visit,
    { title: t("Tasks"), section: "tasks", crumbs: [{ text: t("Tasks") }], topics: ["task"] },
    <>
      <PageHead
        title={t("Tasks")}
        lead={t("Work that takes steps. It goes on when you leave, and is finished or undone after a crash.")}
      />
      <Tabs visit={visit} state={state} />
      <Live visit={visit} id="tasks" on={["task"]}>
        {active.length > 0 ? (
          <Panel title={t("Now")}>
            <TaskTable visit={visit} tasks={active} />
          </Panel>
        ) : null}
        {rest.length > 0 ? (
          <Panel {...(active.length > 0 ? { title: t("Before") } : {})}>
            <TaskTable visit={visit} tasks={rest} />
          </Panel>
        ) : active.length === 0 ? (
          <Empty
            icon="task"
            title={t("No tasks here")}
            text={t("Whatever takes steps, like creating an instance, appears here.")}
          />
        ) : null}
        <Pager visit={visit} shown={tasks.items.length} total={tasks.total} next={tasks.next} />
      </Live>
      <ShowAsCommand visit={visit} commands={[{ operation: "task.list", input: state ? { state } : {} }]} />
    </>,
  );
};

const stepIcons: Readonly<Record<TaskStep["state"], IconName | undefined>> = {
  waiting: undefined,
  running: undefined,
  done: "check",
  failed: "cross",
  undoing: "reboot",
  undone: "reboot",
};

const took = (visit: Visit, step: TaskStep, now: number): string =>
  step.startedAt ? visit.duration((step.endedAt ? Date.parse(step.endedAt) : now) - Date.parse(step.startedAt)) : "";

const Step = ({ visit, step, number }: { visit: Visit; step: TaskStep; number: number }) => {
  const icon = stepIcons[step.state];
  return (
    <li class={`task-step task-step-${step.state}`} id={`step-${number}`}>
      <span class="step-mark">{icon ? <Icon name={icon} /> : <span>{number}</span>}</span>
      <div class="task-step-text">
        <p>
          <span safe>{visit.say(step.title)}</span>{" "}
          <span class="quiet" safe>
            {step.state === "done" || step.state === "waiting" ? "" : visit.word(step.state)}
          </span>
        </p>
        {step.bytesTotal ? (
          <div class="cell-load">
            <Bar percent={share(step.bytesDone ?? 0, step.bytesTotal)} label={step.title} />
            <span
              class="quiet num"
              safe
            >{`${formatBytes(step.bytesDone ?? 0)} / ${formatBytes(step.bytesTotal)}`}</span>
          </div>
        ) : null}
      </div>
      <span class="quiet num" safe>
        {took(visit, step, visit.facts.now)}
      </span>
    </li>
  );
};

export const taskPage = (visit: Visit, task: Task): Promise<Response> => {
  const { t } = visit;
  const title = taskTitle(visit, task.operation, task.resource.name);
  const ended = hasEnded(task.state);
  return page(
    visit,
    {
      title,
      section: "tasks",
      crumbs: [{ text: t("Tasks"), path: to.tasks }, { text: title }],
      topics: [`task:${task.id}`],
      ...(ended ? {} : { refreshSeconds: 2 }),
    },
    <>
      <Live visit={visit} id="task" on={["task"]} every="300ms">
        <PageHead title={title}>
          <TaskBadge visit={visit} state={task.state} />
          {task.cancellable && !ended ? (
            <ActionButton action={to.taskCancel(task.id)} look={{ label: t("Cancel the task"), icon: "cross" }} />
          ) : (
            <DisabledButton
              look={{ label: t("Cancel the task"), icon: "cross" }}
              why={ended ? t("It has ended.") : t("Its current step must finish.")}
            />
          )}
        </PageHead>
        {task.error ? <ErrorNotice visit={visit} error={task.error} /> : null}
        <div class="columns columns-2-1">
          <Panel>
            <div class="task-progress">
              <Bar percent={task.progress} label={t("Progress")} />
              <p>
                <b safe>{formatPercent(task.progress)}</b>{" "}
                <span class="quiet" safe>
                  {ended
                    ? t("took {time}", { time: visit.duration(elapsed(task, visit.facts.now)) })
                    : t("for {time}", { time: visit.duration(elapsed(task, visit.facts.now)) })}
                </span>
              </p>
            </div>
            <ol class="task-steps">
              {task.steps.map((step, i) => (
                <Step visit={visit} step={step} number={i + 1} />
              ))}
            </ol>
          </Panel>
          <Panel title={t("About")}>
            <Facts>
              <FactRow term={t("Instance")}>
                <a href={to.instance(task.resource.id)} safe>
                  {task.resource.name}
                </a>
              </FactRow>
              {task.result ? (
                <FactRow term={t("Result")}>
                  <a href={to.file(task.result.type, task.result.id)} safe>
                    {task.result.name}
                  </a>
                </FactRow>
              ) : null}
              <FactRow term={t("Operation")}>
                <code safe>{task.operation}</code>
              </FactRow>
              <FactRow term={t("By")}>
                <span safe>{task.actor.name}</span>
              </FactRow>
              <FactRow term={t("Asked for")}>
                <Time at={task.createdAt} />
              </FactRow>
              {task.startedAt ? (
                <FactRow term={t("Began")}>
                  <Time at={task.startedAt} />
                </FactRow>
              ) : null}
              {task.endedAt ? (
                <FactRow term={t("Ended")}>
                  <Time at={task.endedAt} />
                </FactRow>
              ) : null}
              <FactRow term={t("Id")}>
                <Mono visit={visit} text={task.id} short={13} />
              </FactRow>
              <FactRow term={t("Request")}>
                <Mono visit={visit} text={task.requestId} short={13} />
              </FactRow>
            </Facts>
          </Panel>
        </div>
      </Live>
      <ShowAsCommand
        visit={visit}
        commands={[
          { operation: "task.get", input: { id: task.id, waitSeconds: 30 } },
          { operation: "task.cancel", input: { id: task.id } },
        ]}
      />
    </>,
  );
};
