import { EventSchema } from "../events.ts";
import { operation } from "../operation.ts";
import { Task, taskStates } from "../records.ts";
import { Closed, Count, OneOf, Page, pageInput, TaskIdSchema, Type, Word } from "../schema.ts";
import { at, createTask, ids } from "./examples.ts";

export const taskOperations = {
  "task.list": operation({
    owner: "scheduler",
    summary: "List the tasks, newest first",
    input: Closed({
      ...pageInput,
      state: Type.Optional(OneOf(taskStates)),
      active: Type.Optional(Type.Boolean({ description: "Only those that have not ended" })),
      resource: Type.Optional(Type.String({ maxLength: 64, description: "Only those of this resource id" })),
    }),
    output: Page(Task),
    errors: [],
    requires: "task.read",
    rest: {
      method: "GET",
      path: "/api/v2/tasks",
      status: 200,
      columns: ["id", "operation", "resource.name", "state", "progress", "error.message", "actor.name", "createdAt"],
    },
    changes: false,
    events: [],
    example: { input: { active: true }, output: { items: [createTask], total: 1 } },
  }),
  "task.get": operation({
    owner: "scheduler",
    summary: "Show one task",
    description:
      "With `waitSeconds` the answer comes when the task has ended, or when that time is over, whichever is first.",
    input: Closed({
      id: TaskIdSchema,
      waitSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 30 })),
    }),
    output: Task,
    errors: ["task-not-found"],
    requires: "task.read",
    rest: { method: "GET", path: "/api/v2/tasks/{id}", status: 200 },
    changes: false,
    events: [],
    waits: "waitSeconds",
    deadlineMs: 35_000,
    example: { input: { id: ids.task }, output: createTask },
  }),
  "task.cancel": operation({
    owner: "scheduler",
    summary: "Cancel a task: undo what it has done",
    description:
      "One that can neither be finished nor undone, because its cell does not answer, is ended as it is: what was half made is removed when the cell returns.",
    input: Closed({ id: TaskIdSchema }),
    output: Task,
    errors: ["task-not-found", "not-cancellable"],
    requires: "task.cancel",
    rest: { method: "POST", path: "/api/v2/tasks/{id}/cancel", status: 202 },
    changes: true,
    task: true,
    events: ["task.changed"],
    example: { input: { id: ids.task }, output: { ...createTask, state: "unwinding" } },
  }),
  "event.list": operation({
    owner: "scheduler",
    summary: "Read past events",
    description:
      "From the stream's bounded memory, oldest first, of what one may read. A page may be shorter than `limit`; `seen` tells where the next one begins: forwards `after` it, backwards `before` it, until there is none. Follow new ones over server-sent events, or by subscribing to `nano.v1.event.>`.",
    input: Closed({
      after: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: Number.MAX_SAFE_INTEGER,
          description: "Sequence to continue after; without it the newest ones",
        }),
      ),
      before: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: Number.MAX_SAFE_INTEGER,
          description: "Only those before this sequence; without `after`, the newest of them",
        }),
      ),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
      id: Type.Optional(
        Type.String({ maxLength: 64, pattern: "^[A-Za-z0-9_-]+$", description: "Only those of this resource" }),
      ),
    }),
    output: Closed({
      items: Type.Array(Closed({ sequence: Count, ...EventSchema.properties, name: Word }), { maxItems: 1_000 }),
      first: Type.Integer({ ...Count, description: "Oldest sequence still kept" }),
      last: Type.Integer({ ...Count, description: "Newest sequence" }),
      seen: Type.Optional(
        Type.Integer({
          ...Count,
          description:
            "With `after`: everything up to here was looked at; continue after it. Without: there is more before it",
        }),
      ),
    }),
    errors: ["history-gone"],
    requires: "event.read",
    rest: { method: "GET", path: "/api/v2/history", status: 200 },
    changes: false,
    events: [],
    example: {
      input: { after: 41 },
      output: {
        items: [
          { sequence: 42, name: "instance.changed", id: ids.instance, at, data: { name: "web-1", state: "running" } },
        ],
        first: 1,
        last: 42,
      },
    },
  }),
};
