/** Waiting for what Nano does on its own time. */
import type { Bus } from "@nano/bus";
import { NanoError, type Plan, type Task } from "@nano/contract";

/** @throws NanoError what the task failed with */
export async function finished(bus: Bus, begun: Task | Plan): Promise<Task> {
  if (begun.kind !== "task") throw new Error("a plan has no end");
  let task = begun;
  while (!["done", "failed", "cancelled"].includes(task.state)) {
    task = await bus.call("task.get", { id: task.id, waitSeconds: 20 }, { deadlineMs: 30_000 });
  }
  if (task.error) throw NanoError.fromBody(task.error);
  if (task.state !== "done") throw new Error(`the task ${task.operation} was ${task.state}`);
  return task;
}
