/** How far something is: one line that changes on a terminal, a line every ten percent elsewhere. */
import { duration, mebibytes } from "./table.ts";

export interface Progress {
  /** @param done of `total` bytes, or percent */
  at(done: number): void;
  /** Ends the line. */
  end(): void;
}

interface Output {
  readonly write?: (text: string) => void;
  readonly terminal?: boolean;
  /** Milliseconds. */
  readonly now?: () => number;
}

export interface ProgressOptions extends Output {
  readonly title: string;
  readonly total: number;
  /** Bytes that were done before: they took no time. */
  readonly before?: number;
}

const everyMs = 200;
const standardOutput = (text: string) => void process.stdout.write(text);

/** Says it as often as a person wants to read it. @param before the share that was done before, 0 to 1 */
const createTeller = (before: number, { write = standardOutput, ...output }: Output) => {
  const { now = () => performance.now(), terminal = process.stdout.isTTY } = output;
  let toldAt = Number.NEGATIVE_INFINITY;
  let toldTenth = Math.floor(before * 10);
  return {
    now,
    tell(share: number, line: () => string): void {
      const tenth = Math.floor(share * 10);
      if (terminal ? now() - toldAt < everyMs && share < 1 : tenth === toldTenth) return;
      toldAt = now();
      toldTenth = tenth;
      write(terminal ? `\r\x1b[K${line()}` : `${line()}\n`);
    },
    end(): void {
      if (terminal) write("\n");
    },
  };
};

const percentOf = (share: number) => `${String(Math.floor(share * 100)).padStart(3)} %`;

/** Of bytes, with how fast it goes and how long it will take. */
export const createProgress = (options: ProgressOptions): Progress => {
  const { title, total, before = 0 } = options;
  const teller = createTeller(before / total, options);
  const began = teller.now();
  const line = (done: number): string => {
    const ms = teller.now() - began;
    const rate = ms > 0 ? ((done - before) / ms) * 1000 : 0;
    const left = rate > 0 && done < total ? `, ${duration(((total - done) / rate) * 1000)} left` : "";
    const speed = rate > 0 ? `  ${mebibytes(rate)}/s${left}` : "";
    return `${title} ${percentOf(done / total)}  ${mebibytes(done)} of ${mebibytes(total)}${speed}`;
  };
  return { at: (done) => teller.tell(done / total, () => line(done)), end: teller.end };
};

/** Of what is known in percent only. */
export const createPercent = ({ title, ...output }: Output & { readonly title: string }): Progress => {
  const teller = createTeller(0, output);
  return {
    at: (percent) => teller.tell(percent / 100, () => `${title} ${percentOf(percent / 100)}`),
    end: teller.end,
  };
};
