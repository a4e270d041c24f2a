/** Of all that is announced, what a person would call news: one entry for each thing that happened. */
import type { Output } from "@nano/contract";

export type PastEvent = Output<"event.list">["items"][number];

/** A report that follows an action's end this closely says the same again. */
const sameMs = 3_000;

const resourceOf = ({ data }: PastEvent): string | undefined =>
  typeof data.resource === "string" ? data.resource : undefined;

/**
 * A task is its newest event. What a task's request changed beside it, a state that was told before, and the figures of
 * the moment are left out.
 * @param events oldest first
 * @returns newest first
 */
export const newsOf = (events: readonly PastEvent[]): PastEvent[] => {
  const tasks = events.filter(({ name }) => name === "task.changed");
  const newest = new Map(tasks.map((event) => [event.id, event]));
  const requests = new Set(tasks.flatMap(({ requestId }) => requestId ?? []));
  const ends = [...newest.values()].map((event) => ({ resource: resourceOf(event), at: Date.parse(event.at) }));
  const told = new Map<string, unknown>();
  return events
    .filter((event) => {
      const { name, id, at, data, requestId } = event;
      if (name === "cell.load") return false;
      if (name === "task.changed") return newest.get(id) === event;
      if (!name.endsWith(".changed")) return requestId === undefined || !requests.has(requestId);
      const before = told.get(id);
      told.set(id, data.state);
      if (data.state === undefined || data.state === before) return false;
      if (requestId !== undefined && requests.has(requestId)) return false;
      return !ends.some((end) => end.resource === id && Math.abs(Date.parse(at) - end.at) < sameMs);
    })
    .reverse();
};

export const isFailure = ({ name, data }: PastEvent): boolean =>
  name === "cell.offline" ||
  data.state === "failed" ||
  data.state === "crashed" ||
  data.state === "lost" ||
  data.state === "missing";

/** The resource that an event is about: of a task, what it works on. */
export const kindOf = ({ name }: PastEvent): string => {
  const kind = name.slice(0, name.indexOf("."));
  return kind === "task" ? "instance" : kind === "session" || kind === "user" || kind === "token" ? "person" : kind;
};
