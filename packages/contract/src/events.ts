import { isCredential, tokenCredential } from "./actor.ts";

/**
 * Everything that is announced, declared once. An event says *that* something changed and the few facts a list needs;
 * who wants the whole asks its owner. Subject: `nano.v1.event.<resource>.<id>.<what>`, kept in the JetStream stream
 * `NANO_EVENTS`.
 */
import { AnyObject, Closed, fromHost, OneOf, Type, Word } from "./schema.ts";
import { subjectToken } from "./subject-token.ts";

export const eventDefinitions = {
  "pool.created": "A pool was created",
  "pool.deleted": "A pool was deleted",
  "cell.discovered": "A cell announced itself for the first time",
  "cell.added": "A cell was added to a pool",
  "cell.removed": "A cell was removed from its pool",
  "cell.forgotten": "A cell was forgotten, or was silent too long without ever being in a pool",
  "cell.enabled": "A cell accepts new instances again",
  "cell.disabled": "A cell accepts no new instances",
  "cell.online": "A cell answers",
  "cell.offline": "A cell no longer answers",
  "cell.load": "A cell's load figures (at most every 2 s)",
  "instance.created": "An instance was created",
  "instance.changed": "An instance's record or state changed",
  "instance.deleted": "An instance is gone",
  "task.changed": "A task started, progressed or ended",
  "image.changed": "A disk image was created or changed its state",
  "image.deleted": "A disk image was deleted",
  "media.changed": "A media image was created or changed its state",
  "media.deleted": "A media image was deleted",
  "user.created": "A person was created",
  "session.created": "A person logged in",
  "session.deleted": "A session ended: its person logged out, or it expired",
  "token.created": "A bearer token was created",
  "token.deleted": "A bearer token was deleted",
  "token.expired": "A bearer token expired",
} as const;

export type EventName = keyof typeof eventDefinitions;
export const isEventName = (name: string): name is EventName => Object.hasOwn(eventDefinitions, name);

/** An event, as everybody who hears one reads it. */
export const EventSchema = Closed({
  name: OneOf(Object.keys(eventDefinitions)),
  id: Word,
  at: Type.String({ maxLength: 32 }),
  actor: Type.Optional(Word),
  requestId: Type.Optional(Word),
  data: fromHost(AnyObject<NanoEvent["data"]>("The few facts a list shows", 8_192)),
});

export interface NanoEvent {
  readonly name: EventName;
  /** Of the resource: pool name, cell id, instance id … */
  readonly id: string;
  /** RFC 3339, UTC, the owner's clock. */
  readonly at: string;
  readonly actor?: string;
  readonly requestId?: string;
  /** The few facts a list shows: `name`, `state`, `progress` … Never a secret. */
  readonly data: Readonly<Record<string, string | number | boolean>>;
}
/** An event with its place in the stream: the id by which a reader resumes. */
export type SequencedEvent = NanoEvent & { readonly sequence: number };

/** The credential that an event says has ended. */
export const endedCredential = ({ name, id, data }: NanoEvent): string | undefined => {
  if (name === "token.deleted" || name === "token.expired") return tokenCredential(id);
  return name === "session.deleted" && isCredential(data.credential) ? data.credential : undefined;
};

export const eventStream = "NANO_EVENTS";
/** Where the scheduler's push consumer delivers the stream for the gateway and the portal, live and in order. */
export const eventFeedSubject = "nano.v1.feed";

/** @throws TypeError when the id is not one token of a subject */
export const eventSubject = (event: Pick<NanoEvent, "name" | "id">): string => {
  const dot = event.name.indexOf(".");
  return `nano.v1.event.${event.name.slice(0, dot)}.${subjectToken(event.id)}.${event.name.slice(dot + 1)}`;
};
