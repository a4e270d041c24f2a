import { eventDefinitions, isEventName } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { taskSentence } from "../tasks/words.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { Time } from "../view/parts.tsx";
import { isFailure, type PastEvent } from "./news.ts";

const pathOf = (event: PastEvent): string | undefined => {
  if (event.name.endsWith(".deleted")) return undefined;
  switch (event.name.slice(0, event.name.indexOf("."))) {
    case "pool":
      return to.pool(event.id);
    case "cell":
      return to.cell(event.id);
    case "instance":
      return to.instance(event.id);
    case "task":
      return to.task(event.id);
    case "image":
      return to.file("image", event.id);
    case "media":
      return to.file("media", event.id);
    default:
      return undefined;
  }
};

const sentences: Readonly<Record<string, ChineseKey>> = {
  "pool.created": "Pool {name} was created",
  "pool.deleted": "Pool {name} was deleted",
  "cell.discovered": "{name} announced itself for the first time",
  "cell.added": "{name} was added to a pool",
  "cell.removed": "{name} is in no pool now",
  "cell.enabled": "{name} accepts new instances again",
  "cell.disabled": "{name} accepts no new instances now",
  "cell.online": "{name} answers",
  "cell.offline": "{name} does not answer",
  "instance.created": "{name} was created",
  "instance.deleted": "{name} was deleted",
  "image.deleted": "{name} was deleted",
  "media.deleted": "{name} was deleted",
  "user.created": "The account {name} was created",
  "session.created": "{name} logged in",
  "session.deleted": "{name} logged out",
};

/** What happened, as a sentence that names it: "try-a is running", "Deleting a snapshot of web-1 failed". */
export const eventSentence = (visit: Visit, event: PastEvent): string => {
  const { data } = event;
  const name = typeof data.name === "string" ? data.name : event.id;
  const state = typeof data.state === "string" ? data.state : undefined;
  if (event.name === "task.changed" && typeof data.operation === "string")
    return taskSentence(visit, data.operation, name, state ?? "");
  const known = Object.hasOwn(sentences, event.name) ? sentences[event.name] : undefined;
  if (known) return visit.t(known, { name });
  if (state !== undefined) return visit.t("{name} is {state}", { name, state: visit.word(state) });
  return isEventName(event.name) ? `${visit.say(eventDefinitions[event.name])}: ${name}` : `${event.name}: ${name}`;
};

const goodNames = new Set(["cell.online", "instance.created"]);
const toneOf = (event: PastEvent): string =>
  isFailure(event)
    ? "bad"
    : goodNames.has(event.name) || event.data.state === "done" || event.data.state === "running"
      ? "good"
      : "idle";

const Entry = ({ visit, event }: { visit: Visit; event: PastEvent }) => {
  const path = pathOf(event);
  const sentence = eventSentence(visit, event);
  return (
    <li id={`event-${event.sequence}`}>
      <span class={`badge-dot tone-${toneOf(event)}`} />
      <span class="event-what">
        {path ? (
          <a href={path} safe>
            {sentence}
          </a>
        ) : (
          <span safe>{sentence}</span>
        )}
        {event.actor ? (
          <>
            {" "}
            <span class="quiet" safe>
              {visit.t("by {person}", { person: event.actor })}
            </span>
          </>
        ) : null}
      </span>
      <Time at={event.at} relative />
    </li>
  );
};

export const EventList = ({ visit, events }: { visit: Visit; events: readonly PastEvent[] }) => (
  <ul class="event-list">
    {events.map((event) => (
      <Entry visit={visit} event={event} />
    ))}
  </ul>
);
