/**
 * `GET /api/v2/events`: server-sent events (WHATWG HTML §9.2).
 *
 * The bus delivers the zone's events once, in order; they go into a ring and to every open stream. A reader that comes
 * back with `Last-Event-ID` gets what it missed from the ring, or from the event stream's memory through `event.list`;
 * what is in neither is gone, and it is told so by an event named `reset`. While a stream is replaying, live events
 * simply wait in the ring: the replay ends when it has caught up with it, in one turn of the event loop, so none is
 * lost and none comes twice.
 *
 * A reader that does not read is cut off when `maxBacklogBytes` wait for it; it resumes by its last id. Nobody else
 * waits for it.
 */
import type { Bus } from "@nano/bus";
import { type Actor, createHearing, mayDo, NanoError, type SequencedEvent } from "@nano/contract";
import type { Ended } from "../people/ended.ts";
import type { Caller } from "../rest/caller.ts";
import { createRing } from "./ring.ts";

export const heartbeatMs = 15_000;
const ringCapacity = 4_096;
const maxBacklogBytes = 256 * 1024;
const maxStreams = 1_024;
const maxStreamsPerPerson = 64;
/** Events passed on between two looks at whether the reader keeps up: some 60 KiB. */
const replayPage = 200;

interface Filter {
  readonly resource?: string;
  readonly id?: string;
}

export interface EventsContext {
  readonly bus: Bus;
  readonly ended: Pick<Ended, "has" | "onEnd">;
  /** Who asks. */
  identify(request: Request): Promise<Caller>;
  /**
   * The same at every heartbeat, so that a revoked token or an ended session ends its streams; it keeps no session from
   * idling out.
   */
  stillThere(request: Request): Promise<Caller>;
  readonly heartbeatMs?: number;
}

export interface Events {
  open(request: Request, requestId: string): Promise<Response>;
  /** Ends all streams; readers reconnect by themselves. */
  stop(): void;
  readonly streams: number;
}

interface Stream {
  readonly actor: Actor;
  readonly filter: Filter;
  /** The newest sequence this reader was passed by, matching its filter or not. */
  position: number;
  live: boolean;
  readonly ended: boolean;
  write(text: string): void;
  /** Resolves when most of what was written has been read, or the stream has ended. */
  room(): Promise<void>;
  end(): void;
}

type Item = Pick<SequencedEvent, "sequence" | "id" | "data"> & { readonly name: string };

const wanted = (filter: Filter, event: Item): boolean =>
  (filter.id === undefined || event.id === filter.id) &&
  (filter.resource === undefined || event.name.startsWith(`${filter.resource}.`));

const frame = (event: Item): string =>
  `id: ${event.sequence}\nevent: ${event.name}\ndata: ${JSON.stringify(event)}\n\n`;

const word = /^[A-Za-z0-9_-]{1,64}$/;

const readFilter = (query: URLSearchParams): Filter => {
  const read = (name: "resource" | "id") => {
    const value = query.get(name);
    if (value === null) return {};
    if (!word.test(value))
      throw new NanoError("invalid-input", `Following events: ${name}: letters, digits, '-' and '_', at most 64`, {
        details: { fields: [{ path: `/${name}`, message: "Letters, digits, '-' and '_', at most 64" }] },
      });
    return { [name]: value };
  };
  return { ...read("resource"), ...read("id") };
};

/** The sequence to resume after; `undefined`: from now on. */
const readPosition = (request: Request, query: URLSearchParams): number | undefined => {
  const text = request.headers.get("last-event-id") ?? query.get("after");
  if (text === null || text === "") return undefined;
  const sequence = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(sequence)) return sequence;
  throw new NanoError("invalid-input", "Following events: the last event's id is not a sequence number", {
    details: { fields: [{ path: "/after", message: "A sequence number" }] },
  });
};

export const createEvents = (context: EventsContext): Events => {
  const { bus } = context;
  const ring = createRing(ringCapacity);
  const hearing = createHearing();
  const streams = new Set<Stream>();

  const reset = (stream: Stream, position: number) => {
    stream.position = position;
    stream.write(`${position > 0 ? `id: ${position}\n` : ""}event: reset\ndata: {"sequence":${position}}\n\n`);
  };
  const pass = (stream: Stream, event: Item) => {
    stream.position = event.sequence;
    if (wanted(stream.filter, event) && hearing.hears(stream.actor, event)) stream.write(frame(event));
  };

  const stopListening = bus.onEvents((event) => {
    const gap = ring.last > 0 && event.sequence !== ring.last + 1;
    // A hole the bus could not fill, or a stream that began anew: what readers have seen no longer leads to what comes.
    if (gap) ring.clear();
    hearing.note(event);
    ring.add(event);
    for (const stream of streams) {
      if (!stream.live) continue;
      if (gap) reset(stream, event.sequence - 1);
      // Had it already from the stream's memory: the feed may tell late what happened while nobody listened.
      if (event.sequence > stream.position) pass(stream, event);
    }
  });

  context.ended.onEnd((gone) => {
    for (const stream of [...streams])
      if (stream.actor.credential !== undefined && gone.has(stream.actor.credential)) stream.end();
  });

  /** Brings a stream up to the ring's newest event, then makes it live, as fast as its reader reads. */
  const catchUp = async (stream: Stream, requestId: string): Promise<void> => {
    const ask = (input: { after?: number; limit: number }) =>
      bus.call("event.list", input, { actor: stream.actor, requestId });
    if (stream.position > ring.last) {
      // The newest is unknown here, or the id is of a stream that is no more.
      const last = Math.max((await ask({ limit: 1 })).last, ring.last);
      if (stream.position > last) reset(stream, last);
    }
    while (!stream.ended) {
      if (ring.last > 0 && stream.position >= ring.first - 1) {
        const batch = ring.after(stream.position, replayPage);
        for (const event of batch) pass(stream, event);
        if (stream.position >= ring.last) break;
      } else {
        const before = stream.position;
        const { items, seen = before } = await ask({ after: before, limit: replayPage });
        for (const item of items) pass(stream, item);
        stream.position = Math.max(stream.position, seen);
        if (stream.position === before) {
          if (ring.last <= stream.position) break;
          // The ring may have begun meanwhile, just where the memory ended: then nothing is missing.
          if (ring.first - 1 > stream.position) reset(stream, ring.first - 1);
        }
      }
      await stream.room();
    }
    stream.live = true;
  };

  const begin = async (stream: Stream, from: number | undefined, requestId: string): Promise<void> => {
    stream.write("retry: 2000\n: following\n");
    if (from === undefined) {
      // An id without data: a reader that loses the connection before the first event resumes from here.
      stream.position = ring.last;
      stream.live = true;
      stream.write(ring.last > 0 ? `id: ${ring.last}\n\n` : "\n");
      return;
    }
    stream.write("\n");
    stream.position = from;
    try {
      await catchUp(stream, requestId);
    } catch (thrown) {
      const error = NanoError.from(thrown, "replaying events");
      if (error.code !== "history-gone") {
        // Not gone, only out of reach: the reader keeps its id and comes again.
        stream.end();
        return;
      }
      const last = error.details?.last;
      reset(stream, Math.max(ring.last, typeof last === "number" ? last : 0));
      stream.live = true;
    }
  };

  const open: Events["open"] = async (request, requestId) => {
    const { actor } = await context.identify(request);
    if (!mayDo(actor, "event.read")) {
      if (actor.kind === "anonymous") throw new NanoError("unauthenticated", "Following events needs to know who asks");
      throw new NanoError("forbidden", `${actor.name} may not follow events`, {
        details: { permission: "event.read" },
      });
    }
    if (context.ended.has(actor.credential))
      throw new NanoError("unauthenticated", "Following events: the session or token has ended");
    const query = new URL(request.url).searchParams;
    const filter = readFilter(query);
    const from = readPosition(request, query);
    const own = [...streams].filter((stream) => stream.actor.id === actor.id).length;
    if (streams.size >= maxStreams || own >= maxStreamsPerPerson)
      throw new NanoError("overloaded", "Following events: there are too many open streams", {
        details: { retryAfterSeconds: 5 },
      });

    const encoder = new TextEncoder();
    let heartbeat: Timer | undefined;
    let stream: Stream | undefined;
    let makeRoom = () => {};
    let ended = false;
    const forget = () => {
      ended = true;
      clearInterval(heartbeat);
      if (stream) streams.delete(stream);
      makeRoom();
    };
    const body = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          const made: Stream = {
            actor,
            filter,
            position: 0,
            live: false,
            get ended() {
              return ended;
            },
            write(text) {
              if (ended) return;
              if ((controller.desiredSize ?? 0) <= 0) return made.end();
              controller.enqueue(encoder.encode(text));
            },
            end() {
              if (ended) return;
              forget();
              controller.close();
            },
            room: () =>
              new Promise((resolve) => {
                makeRoom = resolve;
                if (ended || (controller.desiredSize ?? 0) > maxBacklogBytes / 2) resolve();
              }),
          };
          stream = made;
          streams.add(made);
          heartbeat = setInterval(() => {
            made.write(": alive\n\n");
            context.stillThere(request).then(
              (caller) => mayDo(caller.actor, "event.read") || made.end(),
              () => made.end(),
            );
          }, context.heartbeatMs ?? heartbeatMs);
          void begin(made, from, requestId);
        },
        pull: (controller) => {
          if ((controller.desiredSize ?? 0) > maxBacklogBytes / 2) makeRoom();
        },
        cancel: forget,
      },
      { highWaterMark: maxBacklogBytes, size: (part) => part?.byteLength ?? 0 },
    );
    return new Response(body, {
      headers: {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "nano-request-id": requestId,
        // For a reverse proxy in front: pass each event on at once.
        "x-accel-buffering": "no",
      },
    });
  };

  return {
    open,
    stop() {
      stopListening();
      for (const stream of streams) stream.end();
    },
    get streams() {
      return streams.size;
    },
  };
};
