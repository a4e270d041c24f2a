/** Tasks as people see them. */
import type { Handlers } from "@nano/bus";
import { NanoError, type TaskId } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Cause, Journal, Write } from "../events/journal.ts";
import type { TaskEngine } from "./engine.ts";
import { findTask, listTasks, type StoredTask } from "./store.ts";

type TaskOperations = "task.list" | "task.get" | "task.cancel";

export function taskHandlers(deps: {
  db: Kysely<Database>;
  journal: Journal;
  engine: TaskEngine;
  /** Ends a task that can neither be finished nor undone. */
  giveUp: (trx: Write, task: StoredTask, cause: Cause) => Promise<TaskId[]>;
}): Pick<Handlers<"scheduler">, TaskOperations> {
  const { db, journal, engine } = deps;
  const requireTask = async (id: TaskId, on: Kysely<Database> = db) => {
    const task = await findTask(on, id);
    if (!task) throw new NanoError("task-not-found", `There is no task ${id}`, { details: { id } });
    return engine.view(task);
  };
  return {
    "task.list": async (query) => {
      const page = await listTasks(db, query);
      return { ...page, items: page.items.map((task) => engine.view(task)) };
    },
    "task.get": async ({ id, waitSeconds = 0 }) => {
      const task = await requireTask(id);
      if (waitSeconds === 0 || task.endedAt !== undefined) return task;
      await engine.ended(id, waitSeconds * 1_000);
      return requireTask(id);
    },
    "task.cancel": async ({ id }, context) => {
      const request = { key: context.idempotencyKey, actor: context.actor.id, operation: "task.cancel", input: { id } };
      let ended: TaskId[] | undefined;
      const answer = await journal.writeOnce(request, async (trx) => {
        const task = await findTask(trx, id);
        if (!task || !engine.isStuck(task)) return engine.view(await engine.markCancelled(trx, id));
        ended = await deps.giveUp(trx, task, context);
        return requireTask(id, trx);
      });
      if (ended) engine.dismiss(ended);
      else engine.interrupt(id);
      return answer;
    },
  };
}
