/** The recent past of the zone's load: a ring of points, rebuilt from nothing after a restart. */
import type { Output } from "@nano/contract";

export type Point = Output<"zone.get">["history"][number];

export const pointEveryMs = 10_000;
const pointsKept = 60;

export class History {
  readonly #points: Point[] = [];

  add(point: Point): void {
    this.#points.push(point);
    if (this.#points.length > pointsKept) this.#points.shift();
  }

  /** Oldest first. */
  get points(): Point[] {
    return [...this.#points];
  }
}
