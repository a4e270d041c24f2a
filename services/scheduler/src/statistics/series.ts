/**
 * The recent past of one thing's use: a ring of numbers. Typed arrays, because a zone has thousands of them: 13 KiB
 * each when full, and no more than is in them before.
 */
import { statisticsPoints, timestamp, type Usage, type UsagePoint } from "@nano/contract";
import { mib } from "../units.ts";

const rates = [
  "diskReadBytesPerSecond",
  "diskWriteBytesPerSecond",
  "diskReadsPerSecond",
  "diskWritesPerSecond",
  "networkReceiveBytesPerSecond",
  "networkSendBytesPerSecond",
] as const satisfies readonly (keyof Usage)[];
const width = 2 + rates.length;
const firstRoom = 30;

const round = (value: number): number => Math.round(value * 10) / 10;

export class Series {
  /** Seconds since the epoch, of each point. */
  #times = new Uint32Array(firstRoom);
  #values = new Float32Array(firstRoom * width);
  /** How many were ever added. */
  #added = 0;

  /** Wall clock of the newest point, milliseconds; 0 without one. */
  get newestAt(): number {
    return this.#added === 0 ? 0 : (this.#times[(this.#added - 1) % this.#times.length] ?? 0) * 1_000;
  }

  /** @param now wall clock, milliseconds */
  add(now: number, usage: Usage): void {
    this.#makeRoom();
    const index = this.#added++ % this.#times.length;
    this.#times[index] = now / 1_000;
    // What is not measured is no number, and left out again when it is read.
    const row = [usage.cpuPercent, usage.memoryUsedMiB, ...rates.map((name) => usage[name] ?? Number.NaN)];
    this.#values.set(row, index * width);
  }

  /** Oldest first. @param since wall clock, milliseconds */
  points(since = 0): UsagePoint[] {
    const room = this.#times.length;
    const points: UsagePoint[] = [];
    for (let n = Math.max(0, this.#added - room); n < this.#added; n++) {
      const index = n % room;
      const at = (this.#times[index] ?? 0) * 1_000;
      if (at >= since) points.push(this.#point(at, this.#values.subarray(index * width, (index + 1) * width)));
    }
    return points;
  }

  #point(at: number, [cpuPercent = 0, memoryUsedMiB = 0, ...others]: Float32Array): UsagePoint {
    const point: UsagePoint = {
      at: timestamp(at),
      cpuPercent: round(cpuPercent),
      memoryUsedMiB: mib(Math.round(memoryUsedMiB)),
    };
    rates.forEach((name, i) => {
      const value = others[i];
      if (value !== undefined && !Number.isNaN(value)) point[name] = round(value);
    });
    return point;
  }

  /** Grows until it holds an hour; from then on the oldest makes room. */
  #makeRoom(): void {
    const room = this.#times.length;
    if (this.#added < room || room === statisticsPoints) return;
    const more = Math.min(statisticsPoints, room * 2);
    const [times, values] = [new Uint32Array(more), new Float32Array(more * width)];
    times.set(this.#times);
    values.set(this.#values);
    [this.#times, this.#values] = [times, values];
  }
}
