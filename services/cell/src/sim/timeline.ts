/** Time as the simulation sees it: real, or moved by a test or a bench. */
export interface Timeline {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once, `milliseconds` from now. */
  after(milliseconds: number, call: () => void): void;
}

export const realTimeline: Timeline = {
  now: () => Date.now(),
  after: (milliseconds, call) => {
    setTimeout(call, milliseconds).unref();
  },
};

/** Stands still until it is moved; what is due is called in the order of its time. */
export class ManualTimeline implements Timeline {
  readonly #due: { at: number; call: () => void }[] = [];
  #now: number;

  constructor(now = 0) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, call: () => void): void {
    const at = this.#now + milliseconds;
    const index = this.#due.findIndex((other) => other.at > at);
    this.#due.splice(index < 0 ? this.#due.length : index, 0, { at, call });
  }

  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (let next = this.#due[0]; next && next.at <= until; next = this.#due[0]) {
      this.#due.shift();
      this.#now = next.at;
      next.call();
    }
    this.#now = until;
  }
}
