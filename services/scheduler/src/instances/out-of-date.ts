/**
 * Whether an unfinished task that is taken up after a start is out of date: the database was restored from a copy that
 * was made while it ran. Its steps, or their undo, would be done to a guest that was made, started and used since. Two
 * things prove it:
 *
 * - its end was told: what is told was committed, so a database that does not know of it is older;
 * - the cell has the instance with a newer epoch than the task's, or has started it long after the task's last progress
 *   and before this scheduler started. What a task asked for just before the scheduler was killed is done within
 *   minutes.
 *
 * Such a task ends as it is, and nothing of it is done or undone (ADR 18).
 */
import type { Bus } from "@nano/bus";
import { type CellId, type InstanceId, NanoError, type Observed } from "@nano/contract";
import type { OutOfDate } from "../tasks/engine.ts";
import { hasEnded, type StoredTask } from "../tasks/store.ts";
import { changeInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import { cellOf } from "./forget.ts";
import { observe } from "./observe.ts";
import { findInstance } from "./store.ts";

/** A command has a minute; the rest is for clocks that differ. */
const underWayMs = 2 * 60_000;

/** @param schedulerStarted wall clock, milliseconds */
export function wasUsedSince(
  task: Pick<StoredTask, "steps" | "createdAt" | "data">,
  observed: Pick<Observed, "epoch" | "state" | "startedAt">,
  schedulerStarted: number,
): boolean {
  const epoch = epochOf(task.data);
  if (epoch !== undefined && observed.epoch > epoch) return true;
  if (observed.state === "stopped" || observed.state === "crashed") return false;
  const started = Date.parse(observed.startedAt ?? "");
  const progress = Math.max(
    ...[task.createdAt, ...task.steps.flatMap(({ startedAt, endedAt }) => [startedAt ?? [], endedAt ?? []].flat())].map(
      (at) => Date.parse(at),
    ),
  );
  return started > progress + underWayMs && started < schedulerStarted;
}

/** With which its steps command the cell. */
const epochOf = (data: unknown): number | undefined => {
  if (typeof data !== "object" || data === null) return undefined;
  if ("epoch" in data && typeof data.epoch === "number") return data.epoch;
  return "spec" in data ? epochOf(data.spec) : undefined;
};

export function outOfDate(
  deps: Pick<InstanceDeps, "ask" | "clock" | "journal">,
  bus: Pick<Bus, "pastEvents">,
): (task: StoredTask) => Promise<OutOfDate | undefined> {
  const { ask, clock, journal } = deps;
  const schedulerStarted = clock.now();

  const wasToldToHaveEnded = async ({ id }: StoredTask): Promise<boolean> => {
    const { items } = await bus.pastEvents({ id, limit: 256 });
    return items.some(({ data }) => data.state === "done" || data.state === "failed" || data.state === "cancelled");
  };

  const look = async (cell: CellId, id: InstanceId): Promise<Observed | undefined> => {
    try {
      return await ask(cell, "cell.instance.get", { id });
    } catch (error) {
      if (error instanceof NanoError && error.code === "instance-not-found") return undefined;
      throw error;
    }
  };

  return async (task) => {
    const cell = cellOf(task);
    if (cell === undefined || hasEnded(task.state)) return undefined;
    const id = task.resource.id as InstanceId;
    const observed = await look(cell, id);
    const used = observed !== undefined && wasUsedSince(task, observed, schedulerStarted);
    if (!used && !(await wasToldToHaveEnded(task))) return undefined;
    const why = new NanoError("task-out-of-date", `Its database was restored: ${task.resource.name} was used since`, {
      details: { instance: id },
    });
    return {
      why,
      settle: async (trx) => {
        const row = await findInstance(trx, id);
        // Until now its state was the task's.
        if (row?.state !== "creating" && row?.state !== "deleting") return;
        const seen = observed ? observe({ ...row, state: "stopped" }, observed, clock.now()) : {};
        await changeInstance({ journal, clock }, trx, row, { state: observed ? "stopped" : "missing", ...seen });
      },
    };
  };
}
