/**
 * Each placement of an instance has an epoch. A cell does nothing for an epoch older than the newest it knows of: from
 * the domain, or, for an instance that is gone, from commands it has seen since it started.
 */
import { type InstanceId, NanoError } from "@nano/contract";

export class Epochs {
  readonly #seen = new Map<InstanceId, number>();
  readonly #max: number;

  /**
   * @param max how many instances are remembered beside those libvirt knows; the one not heard of for longest is
   * forgotten first
   */
  constructor(max = 10_000) {
    this.#max = max;
  }

  /**
   * @param known the epoch in the instance's record, if it has one
   * @throws NanoError `stale-epoch`
   */
  check(id: InstanceId, epoch: number, known: number | undefined): void {
    const newest = Math.max(known ?? 0, this.#seen.get(id) ?? 0);
    if (epoch < newest)
      throw new NanoError("stale-epoch", `The command is of epoch ${epoch}, this cell knows epoch ${newest}`, {
        details: { instance: id, epoch, newest },
      });
    this.#seen.delete(id);
    this.#seen.set(id, epoch);
    if (this.#seen.size <= this.#max) return;
    const oldest = this.#seen.keys().next();
    if (!oldest.done) this.#seen.delete(oldest.value);
  }
}
