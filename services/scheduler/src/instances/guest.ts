/**
 * Waiting for a guest to do what it was asked to: shut down, or restart. That is the guest's own affair and may take
 * minutes or never happen, so the task that waits has given the instance's lock back: meanwhile people may force it,
 * press again, or open its console.
 */
import { CellIdSchema, Closed, InstanceIdSchema, NanoError, type Static, TimestampSchema, Type } from "@nano/contract";
import { sleep } from "../sleep.ts";
import type { StepDefinition, StepRun } from "../tasks/saga.ts";
import { commander } from "./command.ts";
import type { InstanceDeps } from "./deps.ts";
import { overdue } from "./observe.ts";
import { findInstance, type StoredInstance } from "./store.ts";

export const AskedState = Closed({
  id: InstanceIdSchema,
  epoch: Type.Integer({ minimum: 0 }),
  cell: CellIdSchema,
  force: Type.Boolean(),
  /** How long the guest may take. Older tasks have none: they end when the guest was asked. */
  timeoutSeconds: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Since when the guest knows, and until when it may take. */
  asked: Type.Optional(
    Closed({
      until: TimestampSchema,
      /** Its last restart before it was asked. */
      restartedAt: Type.Union([TimestampSchema, Type.Null()]),
    }),
  ),
});
export type AskedState = Static<typeof AskedState>;

const firstPauseMs = 50;
const longestPauseMs = 500;

export type Followed = "yes" | "not yet" | { readonly instead: string };

/** @param look what has become of what the guest was asked to do */
export const waitForGuest = (
  deps: InstanceDeps,
  step: {
    readonly title: string;
    /** Like "shut down". */
    readonly asked: string;
    look(row: StoredInstance, state: AskedState): Followed;
  },
): StepDefinition<AskedState> => {
  const { db, clock } = deps;
  const { changeRow } = commander(deps);

  const refuse = (row: StoredInstance, why: string) =>
    new NanoError("guest-not-following", why, { details: { instance: row.id, state: row.state } });

  const wait = async (run: StepRun<AskedState>): Promise<void> => {
    const { id, asked, timeoutSeconds } = run.state;
    if (!asked) return;
    const deadline = Date.parse(asked.until);
    for (let pause = firstPauseMs; ; pause = Math.min(longestPauseMs, pause * 1.5)) {
      run.signal.throwIfAborted();
      const row = await findInstance(db, id);
      // Deleted or forgotten: there is nobody left to wait for.
      if (!row) return;
      const followed = step.look(row, run.state);
      if (followed === "yes") return;
      if (followed !== "not yet") throw refuse(row, `${row.name} ${followed.instead}`);
      if (clock.now() >= deadline) {
        await changeRow(run, (now) => overdue(now, clock.now()) ?? {});
        throw refuse(row, `${row.name} did not ${step.asked} within ${timeoutSeconds} s`);
      }
      await sleep(pause, run.signal);
    }
  };

  return {
    name: "wait",
    title: () => step.title,
    when: ({ force, timeoutSeconds }) => !force && timeoutSeconds !== undefined,
    waits: true,
    do: wait,
    undo: "The guest was asked; it may still follow.",
  };
};
