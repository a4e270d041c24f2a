/** How far something is: one line that changes on a terminal, a line every ten percent elsewhere. */
import { duration, mebibytes } from "./table.ts";

export interface Progress {
  /** @param done of `total` bytes */
  at(done: number): void;
  /** Ends the line. */
  end(): void;
}

export interface ProgressOptions {
  readonly title: string;
  readonly total: number;
  /** Bytes that were done before: they took no time. */
  readonly before?: number;
  readonly write?: (text: string) => void;
  readonly terminal?: boolean;
  /** Milliseconds. */
  readonly now?: () => number;
}

const everyMs = 200;

export const createProgress = (options: ProgressOptions): Progress => {
  const { title, total, before = 0, now = () => performance.now(), terminal = process.stdout.isTTY } = options;
  const write = options.write ?? ((text: string) => void process.stdout.write(text));
  const began = now();
  let toldAt = Number.NEGATIVE_INFINITY;
  let toldTenth = Math.floor((before / total) * 10);
  const line = (done: number): string => {
    const ms = now() - began;
    const rate = ms > 0 ? ((done - before) / ms) * 1000 : 0;
    const left = rate > 0 && done < total ? `, ${duration(((total - done) / rate) * 1000)} left` : "";
    const speed = rate > 0 ? `  ${mebibytes(rate)}/s${left}` : "";
    return `${title} ${String(Math.floor((done / total) * 100)).padStart(3)} %  ${mebibytes(done)} of ${mebibytes(total)}${speed}`;
  };
  return {
    at(done) {
      const tenth = Math.floor((done / total) * 10);
      if (terminal ? now() - toldAt < everyMs && done < total : tenth === toldTenth) return;
      toldAt = now();
      toldTenth = tenth;
      write(terminal ? `\r\x1b[K${line(done)}` : `${line(done)}\n`);
    },
    end() {
      if (terminal) write("\n");
    },
  };
};
