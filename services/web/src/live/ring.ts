/** The recent past of the event stream, for readers that come back: bounded, oldest dropped first. */
import type { SequencedEvent } from "@nano/contract";

export interface Ring {
  add(event: SequencedEvent): void;
  /** What came after, oldest first; `undefined` when some of it is not kept any more (or was never heard). */
  after(sequence: number): readonly SequencedEvent[] | undefined;
  readonly newest: number;
}

export const createRing = (capacity: number): Ring => {
  let events: SequencedEvent[] = [];
  let newest = 0;
  /** Everything after this sequence is in `events`. */
  let floor = 0;
  return {
    add(event) {
      if (event.sequence <= newest) return;
      // The first event ever heard, or one after a gap: what lies between is unknown to us.
      if (event.sequence !== newest + 1) {
        events = [];
        floor = event.sequence - 1;
      }
      events.push(event);
      newest = event.sequence;
      if (events.length > capacity * 2) {
        events = events.slice(-capacity);
        floor = (events[0]?.sequence ?? newest + 1) - 1;
      }
    },
    after(sequence) {
      if (sequence >= newest) return [];
      return sequence < floor ? undefined : events.filter((event) => event.sequence > sequence);
    },
    get newest() {
      return newest;
    },
  };
};
