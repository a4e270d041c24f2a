/**
 * Reads the event stream's memory by consumers that live for one question. Those of one resource are found by their
 * subjects, so that what happened to everybody else costs nothing and hides nothing. Works with nats-server 2.9.
 */
import { eventStream, eventSubject, NanoError, type NanoEvent, type SequencedEvent } from "@nano/contract";
import { AckPolicy, DeliverPolicy, type JetStreamManager, type NatsConnection, nanos } from "nats";
import { readEvent } from "./event-stream.ts";

export interface PastQuery {
  /** Only those with a greater sequence, the oldest first of them. */
  readonly after?: number;
  /** Only those with a smaller sequence; without `after`, the newest of them. */
  readonly before?: number;
  readonly limit?: number;
  /** Only those of this resource. */
  readonly id?: string;
  /** Only those that somebody may hear; all of them otherwise. */
  readonly hears?: (event: NanoEvent) => boolean;
}

export interface PastEvents {
  /** Oldest first. */
  readonly items: SequencedEvent[];
  readonly first: number;
  readonly last: number;
  /** Read forwards for somebody: everything up to here was looked at. */
  readonly seen?: number;
}

/** Messages asked for at once. */
const portion = 500;
const expiresMs = 2_000;

/** Pages looked through for one that somebody may hear something of. */
const maxPages = 20;

/** @throws NanoError `history-gone` when what follows `after` is no longer kept */
export const readPastEvents = async (connection: NatsConnection, query: PastQuery): Promise<PastEvents> => {
  const { hears, limit = 100, ...rest } = query;
  if (!hears) return readAll(connection, query);
  const manager = await connection.jetstreamManager({ checkAPI: false });
  /** For whom a file is, its newest event says: it may have been public when this one happened. */
  const newest = new Map<string, Promise<NanoEvent["data"] | undefined>>();
  const newestOf = (event: NanoEvent) => {
    const subject = eventSubject({
      ...event,
      name: event.name.startsWith("media.") ? "media.changed" : "image.changed",
    });
    const asked =
      newest.get(subject) ??
      manager.streams
        .getMessage(eventStream, { last_by_subj: subject })
        .then((stored) => readEvent(stored.json())?.data)
        .catch(() => undefined);
    newest.set(subject, asked);
    return asked;
  };
  const isHeard = async (event: NanoEvent): Promise<boolean> =>
    hears(event.data.visibility === undefined ? event : { ...event, data: (await newestOf(event)) ?? event.data });
  const forwards = rest.after !== undefined;
  const found: SequencedEvent[] = [];
  let { after, before } = rest;
  for (let page = 1; ; page++) {
    const { items, first, last } = await readAll(connection, {
      ...rest,
      limit,
      ...(after === undefined ? {} : { after }),
      ...(before === undefined ? {} : { before }),
    });
    const may = await Promise.all(items.map(isHeard));
    const heard = items.filter((_, i) => may[i]);
    if (forwards) found.push(...heard);
    else found.unshift(...heard);
    const edge = forwards ? items.at(-1) : items[0];
    const more = items.length >= limit && edge !== undefined;
    if (more && found.length < limit && page < maxPages) {
      if (forwards) after = edge.sequence;
      else before = edge.sequence;
      continue;
    }
    if (!forwards) return { items: found.slice(-limit), first, last };
    const cut = found.slice(0, limit);
    const end = more ? edge.sequence : Math.max(Math.min(last, (rest.before ?? last + 1) - 1), rest.after ?? 0);
    return { items: cut, first, last, seen: found.length > limit ? (cut.at(-1)?.sequence ?? end) : end };
  }
};

const readAll = async (connection: NatsConnection, query: PastQuery): Promise<PastEvents> => {
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const { state } = await manager.streams.info(eventStream);
  const { first_seq: first, last_seq: last } = state;
  const { after, limit = 100, id } = query;
  const before = Math.min(query.before ?? last + 1, last + 1);
  if (after !== undefined && after + 1 < first)
    throw new NanoError("history-gone", `Events up to ${first - 1} are no longer kept`, { details: { first, last } });
  if (state.messages === 0) return { items: [], first, last };
  const read = (from: number, keep: "first" | "last") =>
    readRange(connection, manager, { from, before, id, limit, keep });
  if (after !== undefined) return { items: await read(Math.max(first, after + 1), "first"), first, last };
  // One resource has a few hundred events of each kind at most: all are read. Of everybody's, a stretch that holds
  // enough of them: some sequences are gone.
  for (let stretch = id === undefined ? limit : Number.POSITIVE_INFINITY; ; stretch *= 8) {
    const from = Math.max(first, before - stretch);
    const items = await read(from, "last");
    if (items.length >= limit || from <= first) return { items, first, last };
  }
};

interface Range {
  readonly from: number;
  readonly before: number;
  readonly id: string | undefined;
  readonly limit: number;
  /** Which of them, when there are more than `limit`. */
  readonly keep: "first" | "last";
}

async function readRange(
  connection: NatsConnection,
  manager: JetStreamManager,
  { from, before, id, limit, keep }: Range,
): Promise<SequencedEvent[]> {
  if (from >= before) return [];
  const { name, num_pending } = await manager.consumers.add(eventStream, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
    inactive_threshold: nanos(10_000),
    mem_storage: true,
    ...(id === undefined ? {} : { filter_subject: `nano.v1.event.*.${id}.*` }),
  });
  try {
    const consumer = await connection.jetstream().consumers.get(eventStream, name);
    const items: SequencedEvent[] = [];
    for (let left = num_pending; left > 0; ) {
      const asked = Math.min(left, portion, keep === "first" ? limit - items.length : portion);
      if (asked <= 0) break;
      let got = 0;
      for await (const message of await consumer.fetch({ max_messages: asked, expires: expiresMs })) {
        got++;
        if (message.seq >= before) return items;
        const event = parsed(message.data);
        if (!event) continue;
        items.push({ ...event, sequence: message.seq });
        if (keep === "last" && items.length > limit) items.shift();
      }
      // Fewer than were there: they have grown too old meanwhile.
      left = got < asked ? 0 : left - got;
    }
    return items;
  } finally {
    // It would go by itself a little later.
    await manager.consumers.delete(eventStream, name).catch(() => {});
  }
}

/** What is not JSON, or of a kind that only a newer peer knows, is no event to us. */
const parsed = (data: Uint8Array): ReturnType<typeof readEvent> => {
  try {
    return readEvent(JSON.parse(new TextDecoder().decode(data)));
  } catch {
    return undefined;
  }
};
