/**
 * Events live in one JetStream stream. Who may not use JetStream's API (everyone but the scheduler) still gets them
 * numbered: a durable push consumer without acknowledgements delivers the whole stream to `nano.v1.feed`, and the reply
 * subject of each delivery names its sequence. A reader that missed some (it or the bus was away) asks the scheduler
 * for them by `event.list`.
 */
import {
  EventSchema,
  eventFeedSubject,
  eventStream,
  fits,
  isEventName,
  type NanoEvent,
  shortened,
  wordsForPeople,
} from "@nano/contract";
import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamManager,
  type Msg,
  type NatsConnection,
  nanos,
  RetentionPolicy,
  StorageType,
} from "nats";

const feed = "feed";
const missing = (thrown: unknown) => thrown instanceof Error && /not found/i.test(thrown.message);

/** Makes the stream and its feed, or brings them up to date. */
export const ensureEventStream = async (
  connection: NatsConnection,
  options: { maxAgeHours: number; maxBytes: number },
): Promise<JetStreamManager> => {
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const config = {
    name: eventStream,
    // Not `nano.v1.event.>`: that would take the request `nano.v1.event.list` for an event, and answer it.
    subjects: ["nano.v1.event.*.*.*"],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    max_age: nanos(options.maxAgeHours * 3_600_000),
    max_bytes: options.maxBytes,
    // One busy thing (a cell telling its load) does not push everyone else's past out.
    max_msgs_per_subject: 256,
    duplicate_window: nanos(120_000),
  };
  await manager.streams.info(eventStream).then(
    () => manager.streams.update(eventStream, config),
    (thrown) => {
      if (missing(thrown)) return manager.streams.add(config);
      throw thrown;
    },
  );
  await manager.consumers.info(eventStream, feed).catch((thrown) => {
    if (!missing(thrown)) throw thrown;
    return manager.consumers.add(eventStream, {
      durable_name: feed,
      deliver_subject: eventFeedSubject,
      deliver_policy: DeliverPolicy.New,
      ack_policy: AckPolicy.None,
    });
  });
  return manager;
};

/** Of an event's facts, as many as are read, and of each text as much. */
const factsMax = 32;
const textMax = 128;

/**
 * An event as it travels, or as it was stored when less was checked: what is too long is cut. A message of an unknown
 * kind (a newer peer's) is not an event to us, nor is one that does not fit otherwise.
 */
export const readEvent = (value: unknown): NanoEvent | undefined => {
  if (typeof value !== "object" || value === null || !("name" in value) || !("id" in value) || !("at" in value))
    return undefined;
  const { name, id, at } = value;
  if (typeof name !== "string" || !isEventName(name) || typeof id !== "string" || typeof at !== "string")
    return undefined;
  const data = "data" in value && typeof value.data === "object" && value.data !== null ? value.data : {};
  const event: NanoEvent = {
    name,
    id,
    at,
    ...("actor" in value && typeof value.actor === "string" ? { actor: value.actor } : {}),
    ...("requestId" in value && typeof value.requestId === "string" ? { requestId: value.requestId } : {}),
    data: Object.fromEntries(
      Object.entries(data)
        .filter(
          (entry): entry is [string, string | number | boolean] =>
            entry[0].length <= textMax && ["string", "number", "boolean"].includes(typeof entry[1]),
        )
        .slice(0, factsMax)
        .map(([key, fact]) => [key, typeof fact === "string" ? fact.slice(0, textMax).toWellFormed() : fact]),
    ),
  };
  const short = shortened(EventSchema, wordsForPeople(EventSchema, event));
  return fits(EventSchema, short) ? { ...event, ...short, name } : undefined;
};

/**
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.…`; newer servers put domain and account before the
 * stream.
 */
export const sequenceOf = (message: Msg): number => {
  const tokens = (message.reply ?? "").split(".");
  const sequence = Number(tokens[tokens.length > 9 ? 7 : 5]);
  return Number.isSafeInteger(sequence) ? sequence : 0;
};
