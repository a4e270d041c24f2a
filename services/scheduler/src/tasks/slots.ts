/** So many at once and no more; the others wait in line. */
export class Slots {
  #free: number;
  readonly #line: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** @param work may give its slot back for a while: see `Aside` */
  async run<T>(work: (aside: Aside) => Promise<T>): Promise<T> {
    await this.#take();
    try {
      return await work((waiting) => this.#aside(waiting));
    } finally {
      this.#give();
    }
  }

  async #aside<T>(waiting: () => Promise<T>): Promise<T> {
    this.#give();
    try {
      return await waiting();
    } finally {
      await this.#take();
    }
  }

  async #take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#line.push(resolve));
  }

  /** A slot goes straight to the next in line, so nobody can slip in between. */
  #give(): void {
    const next = this.#line.shift();
    if (next) next();
    else this.#free++;
  }
}

/** Waits without a slot, and takes one again when that is over. */
export type Aside = <T>(waiting: () => Promise<T>) => Promise<T>;
