/**
 * What a cell's word makes of an instance's row: a pure function.
 *
 * A task that makes or removes an instance owns its state meanwhile; otherwise the cell is right. One state lives
 * between them: after a press of the power button the instance is `stopping` until the guest follows, however often the
 * cell says that it still runs. When the guest has not followed in time, it is shown as running again, with the reason,
 * so that a person may force it.
 */
import { forPeople, guestPatience, type Observed, readTimestamp, timestamp } from "@nano/contract";
import type { Changes } from "./change.ts";
import type { StoredInstance } from "./store.ts";

/** How long a guest may take to follow its power button when nobody said. */
export const stopPatienceMs = guestPatience.default * 1_000;

type Asked = Pick<StoredInstance, "stopAskedAt" | "stopUntil" | "modifiedAt">;
const askedAtOf = ({ stopAskedAt, modifiedAt }: Asked): number => Date.parse(stopAskedAt ?? modifiedAt);
const deadlineOf = (instance: Asked): number =>
  instance.stopUntil === null ? askedAtOf(instance) + stopPatienceMs : Date.parse(instance.stopUntil);
const ignored = (instance: Asked): string => {
  const seconds = Math.round((deadlineOf(instance) - askedAtOf(instance)) / 1_000);
  return `The guest did not react to the power button within ${seconds} s. It can be stopped by force.`;
};

/** @param now wall clock, milliseconds */
export function observe(instance: StoredInstance, observed: Observed, now: number): Changes {
  const seen = {
    addresses: observed.addresses,
    nicAddresses: observed.nicAddresses ?? [],
    media: observed.media ?? null,
    pending: observed.pending ?? [],
    running: observed.running ?? {},
    snapshots: observed.snapshots ?? 0,
    agent: observed.agent ?? false,
    // For display: a cell's word that is no time is none.
    startedAt: readTimestamp(observed.startedAt) ?? null,
    restartedAt: readTimestamp(observed.restartedAt) ?? null,
  };
  if (instance.state === "creating" || instance.state === "deleting") return seen;
  const reason = observed.stateReason === undefined ? null : forPeople(observed.stateReason);
  switch (observed.state) {
    case "running":
    case "stopping": {
      // A guest that has restarted since has answered its power button, with a restart.
      const restarted = seen.restartedAt !== null && seen.restartedAt !== instance.restartedAt;
      if (instance.stopAskedAt === null || (restarted && observed.state === "running")) {
        // `stopping` in a cell's mouth without our knowing since when: it begins now.
        if (observed.state === "stopping" && instance.state !== "stopping")
          return { ...seen, state: "stopping", stateReason: reason, stopAskedAt: timestamp(now), stopUntil: null };
        return { ...seen, state: "running", stateReason: reason, stopAskedAt: null };
      }
      if (now < deadlineOf(instance)) return { ...seen, state: "stopping", stateReason: reason };
      return { ...seen, state: "running", stateReason: ignored(instance) };
    }
    case "crashed":
      // What is done about it was added when it crashed.
      if (instance.state === "crashed") return { ...seen, state: "crashed", stopAskedAt: null };
      return { ...seen, state: "crashed", stateReason: reason, stopAskedAt: null };
    case "stopped":
      // The same, when its start failed.
      if (reason !== null && instance.state === "stopped" && instance.stateReason?.startsWith(reason))
        return { ...seen, state: "stopped", stopAskedAt: null };
      return { ...seen, state: "stopped", stateReason: reason, stopAskedAt: null };
    default:
      return { ...seen, state: observed.state, stateReason: reason, stopAskedAt: null };
  }
}

/** The guest's time is over, if it is. */
export const overdue = (instance: StoredInstance, now: number): Changes | undefined =>
  instance.state === "stopping" && now >= deadlineOf(instance)
    ? { state: "running", stateReason: ignored(instance), stopAskedAt: instance.stopAskedAt ?? instance.modifiedAt }
    : undefined;
