/**
 * Hears the feed of the event stream: passes events on in order, once, and asks for those that were missed while this
 * process or the bus was away.
 */
import { eventFeedSubject, type Log, type SequencedEvent } from "@nano/contract";
import type { NatsConnection } from "nats";
import { readEvent, sequenceOf } from "./event-stream.ts";

/** Events asked for at once to fill a gap. */
const page = 500;

export class EventReader {
  readonly #listeners = new Set<(event: SequencedEvent) => void>();
  readonly #past: (after: number, limit: number) => Promise<readonly { sequence: number }[]>;
  readonly #log: Log;
  #last = 0;
  /** One after the other, also while a gap is being filled. */
  #turn: Promise<void> = Promise.resolve();

  /** @param past asks for the events after a sequence, as `event.list` answers */
  constructor(past: (after: number, limit: number) => Promise<readonly { sequence: number }[]>, log: Log) {
    this.#past = past;
    this.#log = log;
  }

  /** Returns how to stop listening. */
  listen(listener: (event: SequencedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  attach(connection: NatsConnection): void {
    connection.subscribe(eventFeedSubject, {
      callback: (error, message) => {
        if (error) return;
        const sequence = sequenceOf(message);
        this.#turn = this.#turn
          .then(async () => {
            const event = readEvent(message.json());
            if (event && sequence > 0) await this.#hear({ ...event, sequence });
          })
          .catch((cause) => this.#log.error("Failed over an event", { sequence, error: cause }));
      },
    });
  }

  async #hear(event: SequencedEvent): Promise<void> {
    // A smaller number than the last is a new stream (the old one's directory was lost).
    if (this.#last > 0 && event.sequence > this.#last + 1) await this.#fill(this.#last, event.sequence);
    if (event.sequence !== this.#last) this.#tell(event);
  }

  async #fill(last: number, before: number): Promise<void> {
    for (let after = last; after + 1 < before; ) {
      // What cannot be had (too old, or nobody answers) stays a gap; readers see it by the numbers.
      const items = await this.#past(after, Math.min(page, before - after - 1)).catch(() => []);
      for (const item of items) {
        const event = readEvent(item);
        if (event && item.sequence < before) this.#tell({ ...event, sequence: item.sequence });
      }
      const newest = items.at(-1);
      if (!newest) return;
      after = newest.sequence;
    }
  }

  #tell(event: SequencedEvent): void {
    this.#last = event.sequence;
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (cause) {
        // The others hear it all the same.
        this.#log.error("Failed over an event", { sequence: event.sequence, error: cause });
      }
    }
  }
}
