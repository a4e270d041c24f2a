import type { Task } from "@nano/contract";
import type { Visit } from "../../http/visit.ts";
import { TaskTable } from "../../tasks/pages.tsx";
import { Empty, Panel } from "../../view/parts.tsx";
import type { Tab } from "./tab.ts";

const Tasks = ({ visit, tasks }: { visit: Visit; tasks: readonly Task[] }) =>
  tasks.length > 0 ? (
    <Panel>
      <TaskTable visit={visit} tasks={tasks} />
    </Panel>
  ) : (
    <Empty
      icon="task"
      title={visit.t("No tasks here")}
      text={visit.t("Whatever takes steps, like creating an instance, appears here.")}
    />
  );

export const tasksTab: Tab = {
  name: "tasks",
  text: "Tasks",
  render: async (visit, { id }) => {
    const tasks = await visit.attempt("task.list", { resource: id, limit: 50 });
    return <Tasks visit={visit} tasks={tasks.ok ? tasks.value.items : []} />;
  },
  commands: ({ id }) => [{ operation: "task.list", input: { resource: id } }],
};
