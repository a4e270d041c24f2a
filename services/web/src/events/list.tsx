import { eventDefinitions, isEventName, type Output } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { Time } from "../view/parts.tsx";

export type PastEvent = Output<"event.list">["items"][number];

/** What a person would call news: not a cell's load of the moment, not each step of a task. */
export const isNews = ({ name, data }: PastEvent): boolean =>
  name !== "cell.load" && !(name === "task.changed" && (data.state === "running" || data.state === "unwinding"));

const pathOf = (event: PastEvent): string | undefined => {
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
const gone = /\.(deleted)$/;
const tones: Readonly<Record<string, string>> = {
  "cell.offline": "bad",
  "cell.online": "good",
  "instance.created": "good",
  "instance.deleted": "idle",
};

const What = ({ visit, event }: { visit: Visit; event: PastEvent }) => {
  const title = isEventName(event.name) ? visit.say(eventDefinitions[event.name]) : event.name;
  const name = typeof event.data.name === "string" ? event.data.name : event.id;
  const state = typeof event.data.state === "string" ? visit.word(event.data.state) : "";
  const path = gone.test(event.name) ? undefined : pathOf(event);
  return (
    <span class="event-what">
      {path ? (
        <a href={path} safe>
          {name}
        </a>
      ) : (
        <b safe>{name}</b>
      )}{" "}
      <span class="quiet" safe>
        {title}
      </span>
      {state ? (
        <span class="event-state" safe>
          {state}
        </span>
      ) : null}
    </span>
  );
};

export const EventList = ({ visit, events }: { visit: Visit; events: readonly PastEvent[] }) => (
  <ul class="event-list">
    {events.map((event) => (
      <li id={`event-${event.sequence}`}>
        <span class={`badge-dot tone-${tones[event.name] ?? "idle"}`} />
        <What visit={visit} event={event} />
        <Time at={event.at} relative />
      </li>
    ))}
  </ul>
);
