/**
 * The newest events, in memory: what a reconnecting reader usually missed. Older ones are asked for with `event.list`.
 */
import type { SequencedEvent } from "@nano/contract";

export interface Ring {
  /** Sequences of the oldest and newest; both 0 when empty. */
  readonly first: number;
  readonly last: number;
  add(event: SequencedEvent): void;
  clear(): void;
  /** At most `limit` of those after a sequence, oldest first. */
  after(sequence: number, limit: number): SequencedEvent[];
}

export const createRing = (capacity: number): Ring => {
  const slots: SequencedEvent[] = [];
  let oldest = 0;
  const at = (i: number) => slots[(oldest + i) % slots.length];
  return {
    get first() {
      return at(0)?.sequence ?? 0;
    },
    get last() {
      return at(slots.length - 1)?.sequence ?? 0;
    },
    add(event) {
      if (slots.length < capacity) slots.push(event);
      else {
        slots[oldest] = event;
        oldest = (oldest + 1) % capacity;
      }
    },
    clear() {
      slots.length = 0;
      oldest = 0;
    },
    after(sequence, limit) {
      // Sequences grow but may have holes: search for the first larger one.
      let low = 0;
      let high = slots.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((at(middle)?.sequence ?? 0) > sequence) high = middle;
        else low = middle + 1;
      }
      const length = Math.min(limit, slots.length - low);
      return Array.from({ length }, (_, i) => at(low + i)).filter((event) => event !== undefined);
    },
  };
};
