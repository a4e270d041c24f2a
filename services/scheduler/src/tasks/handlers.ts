/** Tasks as people see them: what is not for them is not there. */
import type { Handlers } from "@nano/bus";
import { type Actor, NanoError, type TaskId } from "@nano/contract";
import { seesAllTasks, seesTask } from "@nano/contract/audience";
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
  /** @throws NanoError `task-not-found`: it is not there, or not for them */
  const requireTask = async (id: TaskId, actor: Actor, on: Kysely<Database> = db): Promise<StoredTask> => {
    const task = await findTask(on, id);
    if (!task || !seesTask(actor, task.actor.id))
      throw new NanoError("task-not-found", `There is no task ${id}`, { details: { id } });
    return task;
  };
  return {
    "task.list": async (query, { actor }) => {
      const page = await listTasks(db, seesAllTasks(actor) ? query : { ...query, owner: actor.id });
      return { ...page, items: page.items.map((task) => engine.viewFor(actor, task)) };
    },
    "task.get": async ({ id, waitSeconds = 0 }, { actor }) => {
      const task = await requireTask(id, actor);
      if (waitSeconds === 0 || task.endedAt !== null) return engine.viewFor(actor, task);
      await engine.ended(id, waitSeconds * 1_000);
      return engine.viewFor(actor, await requireTask(id, actor));
    },
    "task.cancel": async ({ id }, context) => {
      const request = { key: context.idempotencyKey, actor: context.actor.id, operation: "task.cancel", input: { id } };
      let ended: TaskId[] | undefined;
      const answer = await journal.writeOnce(request, async (trx) => {
        const { actor } = context;
        const task = await requireTask(id, actor, trx);
        if (!engine.isStuck(task)) return engine.viewFor(actor, await engine.markCancelled(trx, id));
        ended = await deps.giveUp(trx, task, context);
        return engine.viewFor(actor, await requireTask(id, actor, trx));
      });
      if (ended) engine.dismiss(ended);
      else engine.interrupt(id);
      return answer;
    },
  };
}
