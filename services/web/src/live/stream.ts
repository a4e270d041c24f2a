/**
 * Server-sent events for the portal's pages (WHATWG HTML §9.2). Each event of the zone becomes `event: nano:<resource>`, which htmx dispatches in the
 * page; the parts that care ask for themselves again. `id:` is the event's place in the zone's stream, so a page that slept resumes where it was, and
 * where that is too long ago it is told to reload (`nano:reload`). What a page may not read, it does not hear of.
 */
import type { Bus } from "@nano/bus";
import { type Actor, mayDo, type SequencedEvent } from "@nano/contract";
import { isPermission } from "../text/permissions.ts";
import { createRing } from "./ring.ts";

/** Pages open at once, in all. */
const maxReaders = 512;
/** A reader this far behind is not reading: it is let go, and comes back by itself. */
const maxQueued = 256;
const heartbeatMs = 15_000;
const ringSize = 2_000;

export interface Reader {
  readonly actor: Actor;
  /** `instance`, or `instance:<id>`. */
  readonly topics: ReadonlySet<string>;
  /** The last event this page has seen. */
  readonly after: number;
  readonly signal: AbortSignal;
}

export interface LiveEvents {
  readonly newest: number;
  /** A page's stream; `undefined` when there are too many. */
  open(reader: Reader): ReadableStream<Uint8Array> | undefined;
  stop(): void;
}

const resourceOf = (event: SequencedEvent): string => event.name.slice(0, event.name.indexOf("."));

/** Events of a kind are for those who may read the kind. */
const mayHear = (actor: Actor, resource: string): boolean => {
  const permission = `${resource}.read`;
  return isPermission(permission) && permission !== "*" ? mayDo(actor, permission) : actor.permissions.includes("*");
};

const encoder = new TextEncoder();
const message = (name: string, id: number, data: unknown): Uint8Array =>
  encoder.encode(`event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);

export const createLiveEvents = ({ bus }: { bus: Bus }): LiveEvents => {
  const ring = createRing(ringSize);
  const readers = new Set<(event: SequencedEvent | "reload" | "heartbeat" | "end") => void>();
  const tellAll = (what: SequencedEvent | "reload" | "heartbeat" | "end") => {
    for (const tell of [...readers]) tell(what);
  };
  const stops = [
    bus.onEvents((event) => {
      const gap = ring.newest !== 0 && event.sequence > ring.newest + 1;
      ring.add(event);
      tellAll(gap ? "reload" : event);
    }),
    // What happened while the bus was away is not known yet: look again.
    bus.onConnection((connected) => {
      if (connected) tellAll("reload");
    }),
  ];
  const heartbeat = setInterval(() => tellAll("heartbeat"), heartbeatMs);
  heartbeat.unref();

  const open = (reader: Reader): ReadableStream<Uint8Array> | undefined => {
    if (readers.size >= maxReaders) return undefined;
    const wants = (event: SequencedEvent): boolean => {
      const resource = resourceOf(event);
      return (
        (reader.topics.has(resource) || reader.topics.has(`${resource}:${event.id}`)) && mayHear(reader.actor, resource)
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
          const tell = (what: SequencedEvent | "reload" | "heartbeat" | "end") => {
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
          readers.add(tell);
          reader.signal.addEventListener("abort", close, { once: true });
          // It may have left while the page was made.
          if (reader.signal.aborted) return close();
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
    open,
    stop() {
      clearInterval(heartbeat);
      for (const end of stops) end();
      tellAll("end");
    },
  };
};
