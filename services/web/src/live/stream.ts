/**
 * Server-sent events for the portal's pages (WHATWG HTML §9.2). Each event of the zone becomes `event:
 * nano:<resource>`, which htmx dispatches in the page; the parts that care ask for themselves again. `id:` is the
 * event's place in the zone's stream, so a page that slept resumes where it was, and where that is too long ago it is
 * told to reload (`nano:reload`). What a page may not read, it does not hear of.
 */
import type { Bus } from "@nano/bus";
import { type Actor, createHearing, type SequencedEvent } from "@nano/contract";
import { createRing } from "./ring.ts";

/** Pages open at once, in all. */
const maxReaders = 512;
/** Pages that one person has open; any further ones are still, and nobody else's. */
const maxPerPerson = 64;
/** A reader this far behind is not reading: it is let go, and comes back by itself. */
const maxQueued = 256;
const heartbeatMs = 15_000;
const ringSize = 2_000;

export interface Reader {
  readonly actor: Actor;
  /** Asked now and then: a page whose session has ended hears no more. */
  stillThere(): Promise<boolean>;
  /** `instance`, or `instance:<id>`. */
  readonly topics: ReadonlySet<string>;
  /** The last event this page has seen. */
  readonly after: number;
  readonly signal: AbortSignal;
}

export interface LiveEvents {
  readonly newest: number;
  /** Ends the streams that a session or token opened. */
  endOf(credential: string): void;
  /** A page's stream; `undefined` when there are too many. */
  open(reader: Reader): ReadableStream<Uint8Array> | undefined;
  stop(): void;
}

const resourceOf = (event: SequencedEvent): string => event.name.slice(0, event.name.indexOf("."));

const encoder = new TextEncoder();
const message = (name: string, id: number, data: unknown): Uint8Array =>
  encoder.encode(`event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);

export const createLiveEvents = ({ bus }: { bus: Bus }): LiveEvents => {
  const ring = createRing(ringSize);
  const hearing = createHearing();
  type News = SequencedEvent | "reload" | "heartbeat" | "end";
  const readers = new Map<(news: News) => void, Reader>();
  const tellAll = (news: News) => {
    for (const tell of [...readers.keys()]) tell(news);
  };
  /** Where nobody can be asked, the stream stays: nothing comes either. */
  const check = async (tell: (news: News) => void, reader: Reader) => {
    if (!(await reader.stillThere().catch(() => true))) tell("end");
  };
  const checkAll = () => {
    for (const [tell, reader] of readers) void check(tell, reader);
  };
  const stops = [
    bus.onEvents((event) => {
      const gap = ring.newest !== 0 && event.sequence > ring.newest + 1;
      hearing.note(event);
      ring.add(event);
      tellAll(gap ? "reload" : event);
    }),
    // What happened while the bus was away is not known yet: look again.
    bus.onConnection((connected) => {
      if (!connected) return;
      tellAll("reload");
      checkAll();
    }),
  ];
  const heartbeat = setInterval(() => {
    tellAll("heartbeat");
    checkAll();
  }, heartbeatMs);
  heartbeat.unref();

  const open = (reader: Reader): ReadableStream<Uint8Array> | undefined => {
    const own = [...readers.values()].filter(({ actor }) => actor.id === reader.actor.id).length;
    if (readers.size >= maxReaders || own >= maxPerPerson) return undefined;
    const wants = (event: SequencedEvent): boolean => {
      const resource = resourceOf(event);
      return (
        (reader.topics.has(resource) || reader.topics.has(`${resource}:${event.id}`)) &&
        hearing.hears(reader.actor, event)
      );
    };
    let stop = () => {};
    return new ReadableStream<Uint8Array>(
      {
        start(controller) {
          const close = () => {
            stop();
            try {
              controller.close();
            } catch {
              // Closed by the reader already.
            }
          };
          const tell = (what: News) => {
            if (what === "end" || (controller.desiredSize ?? 0) < -maxQueued) return close();
            if (what === "heartbeat") controller.enqueue(encoder.encode(": still here\n\n"));
            else if (what === "reload") controller.enqueue(message("nano:reload", ring.newest, {}));
            else if (wants(what))
              controller.enqueue(
                message(`nano:${resourceOf(what)}`, what.sequence, {
                  name: what.name,
                  id: what.id,
                  at: what.at,
                  ...what.data,
                }),
              );
          };
          stop = () => readers.delete(tell);
          readers.set(tell, reader);
          reader.signal.addEventListener("abort", close, { once: true });
          // It may have left while the page was made.
          if (reader.signal.aborted) return close();
          // What it may read by may have ended while this stream was being opened.
          void check(tell, reader);
          controller.enqueue(encoder.encode("retry: 1000\n: Nano\n\n"));
          const missed = reader.after === 0 && ring.newest === 0 ? [] : ring.after(reader.after);
          if (missed === undefined) tell("reload");
          else for (const event of missed) tell(event);
        },
        cancel: () => stop(),
      },
      { highWaterMark: 0 },
    );
  };
  return {
    get newest() {
      return ring.newest;
    },
    endOf(credential) {
      for (const [tell, { actor }] of [...readers]) if (actor.credential === credential) tell("end");
    },
    open,
    stop() {
      clearInterval(heartbeat);
      for (const end of stops) end();
      tellAll("end");
    },
  };
};
