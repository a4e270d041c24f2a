/** What is kept for how long: the history of a busy zone must not grow for ever. */
import { type Clock, type Log, timestamp } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "./database.ts";
import { pruneDecisions } from "./decisions/store.ts";
import { forgetTold } from "./instances/cloud-init/told.ts";
import { decisionsInUse } from "./instances/store.ts";
import { pruneTasks } from "./tasks/store.ts";

const everyMs = 15 * 60_000;
const day = 24 * 3_600_000;
const keepTasksMs = 30 * day;
const tasksAtMost = 20_000;
const keepDecisionsMs = 7 * day;

export async function prune({ db, clock, log }: { db: Kysely<Database>; clock: Clock; log: Log }): Promise<void> {
  const now = clock.now();
  await forgetTold(db, now);
  const tasks = await pruneTasks(db, timestamp(now - keepTasksMs), tasksAtMost);
  const decisions = await pruneDecisions(db, timestamp(now - keepDecisionsMs), await decisionsInUse(db));
  if (tasks + decisions > 0) log.info("Forgot old history", { tasks, decisions });
}

/** Prunes now and then. @returns how to stop */
export function keepPruning(deps: Parameters<typeof prune>[0]): () => void {
  const once = () => prune(deps).catch((error) => deps.log.error("Could not prune the history", { error }));
  const timer = setInterval(once, everyMs);
  void once();
  return () => clearInterval(timer);
}
