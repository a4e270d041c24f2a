/**
 * Reads the event stream's memory by consumers that live for one question. Those of one resource are found by their
 * subjects, so that what happened to everybody else costs nothing and hides nothing. Works with nats-server 2.9.
 */
import {
  eventStream,
  eventSubject,
  NanoError,
  type NanoEvent,
  pageCarries,
  pageCharacters,
  type SequencedEvent,
} from "@nano/contract";
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
  /** With `after`: everything up to here was looked at. Else, when there is more: everything from here on. */
  readonly seen?: number;
}

/** What was read, and whether the page ended before the events did. */
interface Portion extends PastEvents {
  readonly more: boolean;
}

/** Messages asked for at once, at most. */
const portionMax = 500;
const expiresMs = 2_000;

/** Pages looked through for one that somebody may hear something of; of full ones of large events, fewer. */
const maxPages = 10;
const maxLargePages = 4;

/** @throws NanoError `history-gone` when what follows `after` is no longer kept */
export const readPastEvents = async (connection: NatsConnection, query: PastQuery): Promise<PastEvents> => {
  const { hears, limit = 100, ...rest } = query;
  if (!hears) {
    const { more: _, ...page } = await readAll(connection, query);
    return page;
  }
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
  const keep = forwards ? "first" : "last";
  const found: SequencedEvent[] = [];
  let { after, before } = rest;
  // Where little is heard, more is looked through at once.
  for (let looked = 0, stretch = limit; ; stretch = Math.max(limit, Math.min(portionMax, stretch * 4))) {
    const { items, first, last, more } = await readAll(connection, {
      ...rest,
      limit: stretch,
      ...(after === undefined ? {} : { after }),
      ...(before === undefined ? {} : { before }),
    });
    looked += more && items.length < stretch ? maxPages / maxLargePages : 1;
    const may = await Promise.all(items.map(isHeard));
    const heard = items.filter((_, i) => may[i]);
    if (forwards) found.push(...heard);
    else found.unshift(...heard);
    const edge = more ? (forwards ? items.at(-1) : items[0]) : undefined;
    const cut = carried(found, limit, keep);
    const isWhole = cut.length === found.length;
    if (edge && isWhole && found.length < limit && looked < maxPages) {
      if (forwards) after = edge.sequence;
      else before = edge.sequence;
      continue;
    }
    const border = isWhole ? edge : forwards ? cut.at(-1) : cut[0];
    if (!forwards) return { items: cut, first, last, ...(border ? { seen: border.sequence } : {}) };
    const end = Math.max(Math.min(last, (rest.before ?? last + 1) - 1), rest.after ?? 0);
    return { items: cut, first, last, seen: border?.sequence ?? end };
  }
};

/** As many as were asked for and a message carries: the first of them, or the last. */
const carried = (items: readonly SequencedEvent[], limit: number, keep: Range["keep"]): SequencedEvent[] =>
  keep === "first" ? pageCarries(items.slice(0, limit)) : pageCarries(items.slice(-limit).reverse()).reverse();

const readAll = async (connection: NatsConnection, query: PastQuery): Promise<Portion> => {
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const { state } = await manager.streams.info(eventStream);
  const { first_seq: first, last_seq: last } = state;
  const { after, limit = 100, id } = query;
  const before = Math.min(query.before ?? last + 1, last + 1);
  if (after !== undefined && after + 1 < first)
    throw new NanoError("history-gone", `Events up to ${first - 1} are no longer kept`, { details: { first, last } });
  if (state.messages === 0) return { items: [], first, last, more: false };
  // Of large events a page carries few: no more of them are read than it may need.
  const portion = Math.min(portionMax, Math.ceil((2 * pageCharacters * state.messages) / Math.max(1, state.bytes)));
  const range = { id, limit, portion };
  const pageOf = (all: readonly SequencedEvent[], keep: Range["keep"]): Portion => {
    const items = carried(all, limit, keep);
    return { items, first, last, more: all.length >= limit || items.length < all.length };
  };
  if (after !== undefined) {
    const from = Math.max(first, after + 1);
    return pageOf(await readRange(connection, manager, { ...range, from, before, keep: "first" }), "first");
  }
  // One resource has a few hundred events of each kind at most: all are read. Of everybody's, one stretch before the
  // other until they are enough: some sequences are gone.
  const all: SequencedEvent[] = [];
  let stretch = id === undefined ? Math.min(limit, portion) : Number.POSITIVE_INFINITY;
  for (let end = before; ; stretch *= 2) {
    const from = Math.max(first, end - stretch);
    all.unshift(...(await readRange(connection, manager, { ...range, from, before: end, keep: "last" })));
    const page = pageOf(all, "last");
    if (page.more || from <= first) return page;
    end = from;
  }
};

interface Range {
  readonly from: number;
  readonly before: number;
  readonly id: string | undefined;
  readonly limit: number;
  /** Which of them, when there are more than `limit`. */
  readonly keep: "first" | "last";
  /** Messages asked for at once. */
  readonly portion: number;
}

async function readRange(
  connection: NatsConnection,
  manager: JetStreamManager,
  { from, before, id, limit, keep, portion }: Range,
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
      if (keep === "first" && carried(items, limit, keep).length < items.length) break;
      // Fewer than were there: they have grown too old meanwhile, or have not come in time.
      const stood = left;
      left = got < asked ? (await consumer.info()).num_pending : left - got;
      if (got === 0 && left >= stood)
        throw new NanoError("unavailable", "The event stream does not tell what it holds in time");
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
