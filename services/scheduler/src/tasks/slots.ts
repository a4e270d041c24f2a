/** So many at once and no more; the others wait in line. */
export class Slots {
  #free: number;
  readonly #line: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#line.push(resolve));
    try {
      return await work();
    } finally {
      // A slot goes straight to the next in line, so nobody can slip in between.
      const next = this.#line.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
