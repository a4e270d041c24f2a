/**
 * One command at a time for each instance, in the order they came; those of different instances do not wait for each
 * other.
 */
import type { InstanceId } from "@nano/contract";

export class Turns {
  readonly #last = new Map<InstanceId, Promise<unknown>>();

  /** Runs `work` when everything asked for this instance before has ended, however it ended. */
  async take<T>(id: InstanceId, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(id) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#last.set(id, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(id) === mine) this.#last.delete(id);
    }
  }
}
