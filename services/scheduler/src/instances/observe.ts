/**
 * What a cell's word makes of an instance's row: a pure function.
 *
 * A task that makes or removes an instance owns its state meanwhile; otherwise the cell is right. One state lives between them: after a press of the
 * power button the instance is `stopping` until the guest follows, however often the cell says that it still runs. When the guest has not followed in
 * time, it is shown as running again, with the reason, so that a person may force it.
 */
import { fits, type Observed, TimestampSchema, timestamp } from "@nano/contract";
import type { Changes } from "./change.ts";
import type { StoredInstance } from "./store.ts";

/** How long a guest may take to follow its power button. */
export const stopPatienceMs = 60_000;

const ignored = `The guest did not react to the power button within ${stopPatienceMs / 1_000} s. It can be stopped by force.`;

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
    startedAt: fits(TimestampSchema, observed.startedAt) ? observed.startedAt : null,
  };
  if (instance.state === "creating" || instance.state === "deleting") return seen;
  const reason = observed.stateReason ?? null;
  switch (observed.state) {
    case "running":
    case "stopping": {
      // `stopping` in a cell's mouth without our knowing since when: it begins now.
      const askedAt =
        instance.stopAskedAt ??
        (observed.state === "stopping" && instance.state !== "stopping" ? timestamp(now) : null);
      if (askedAt === null) return { ...seen, state: "running", stateReason: reason, stopAskedAt: null };
      if (now - Date.parse(askedAt) < stopPatienceMs)
        return { ...seen, state: "stopping", stateReason: reason, stopAskedAt: askedAt };
      return { ...seen, state: "running", stateReason: ignored, stopAskedAt: askedAt };
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
  instance.state === "stopping" && now - Date.parse(instance.stopAskedAt ?? instance.modifiedAt) >= stopPatienceMs
    ? { state: "running", stateReason: ignored, stopAskedAt: instance.stopAskedAt ?? instance.modifiedAt }
    : undefined;
