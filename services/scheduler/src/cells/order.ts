/**
 * Which of a cell's reports is news. Reports carry the boot they belong to and a number that grows within it; messages
 * may come twice, late or out of order. An inventory speaks of everything, a report of one instance only of that, and
 * each is judged against the newest word on its matter.
 */
const rememberedBoots = 8;
/** A boot that was taken for an earlier one and says so many things in a row is the one the cell is in. */
const revivedAfter = 10;

export class ReportOrder {
  #boot: string | undefined;
  /** Boots that are over: what still arrives of them is old. */
  readonly #past: string[] = [];
  readonly #newest = new Map<string, number>();
  /** What an earlier boot has said since the present one was heard. */
  #again = { boot: "", times: 0, sequence: -1 };
  #last = -1;

  /** The boot the cell is in, as far as its reports tell. */
  get boot(): string | undefined {
    return this.#boot;
  }

  /** The highest number heard of the boot the cell is in. */
  get last(): number {
    return this.#last;
  }

  /**
   * @param matter what the report speaks of: `inventory`, `heartbeat`, or an instance's id
   * @returns `false`: heard before, or overtaken. `true`: news. `new-boot`: news, and the cell has been restarted since the last
   */
  accept(boot: string, sequence: number, matter: string): boolean | "new-boot" {
    if (this.#past.includes(boot) && !this.#isRevived(boot, sequence)) return false;
    const restarted = boot !== this.#boot;
    this.#again.times = 0;
    if (restarted) {
      if (this.#boot !== undefined) this.#past.push(this.#boot);
      if (this.#past.length > rememberedBoots) this.#past.shift();
      this.#boot = boot;
      this.#newest.clear();
      this.#last = -1;
    }
    this.#last = Math.max(this.#last, sequence);
    if (sequence <= this.newest(matter)) return false;
    this.#newest.set(matter, sequence);
    if (matter === inventoryMatter)
      for (const [other, last] of this.#newest)
        if (last < sequence && other !== heartbeatMatter) this.#newest.delete(other);
    this.#newest.set(matter, sequence);
    return restarted ? "new-boot" : true;
  }

  /**
   * Boots have no order of their own. What came late of an earlier one, first, would otherwise shut out the present one
   * for good.
   */
  #isRevived(boot: string, sequence: number): boolean {
    const { boot: before, times, sequence: last } = this.#again;
    this.#again = { boot, sequence, times: boot === before && sequence > last ? times + 1 : 1 };
    if (this.#again.times < revivedAfter) return false;
    this.#past.splice(this.#past.indexOf(boot), 1);
    return true;
  }

  /** Number of the newest report on this matter; an inventory has spoken of every instance. */
  newest(matter: string): number {
    const own = this.#newest.get(matter) ?? -1;
    return matter === heartbeatMatter ? own : Math.max(own, this.#newest.get(inventoryMatter) ?? -1);
  }
}

export const inventoryMatter = "inventory";
export const heartbeatMatter = "heartbeat";
