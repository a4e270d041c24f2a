/**
 * Which of a cell's reports is news. Reports carry the boot they belong to and a number that grows within it; messages may come twice, late or out
 * of order. An inventory speaks of everything, a report of one instance only of that, and each is judged against the newest word on its matter.
 */
const rememberedBoots = 8;

export class ReportOrder {
  #boot: string | undefined;
  /** Boots that are over: what still arrives of them is old. */
  readonly #past: string[] = [];
  readonly #newest = new Map<string, number>();

  /** The boot the cell is in, as far as its reports tell. */
  get boot(): string | undefined {
    return this.#boot;
  }

  /**
   * @param matter what the report speaks of: `inventory`, `heartbeat`, or an instance's id
   * @returns `false`: heard before, or overtaken. `true`: news. `new-boot`: news, and the cell has been restarted since the last
   */
  accept(boot: string, sequence: number, matter: string): boolean | "new-boot" {
    if (this.#past.includes(boot)) return false;
    const restarted = boot !== this.#boot;
    if (restarted) {
      if (this.#boot !== undefined) this.#past.push(this.#boot);
      if (this.#past.length > rememberedBoots) this.#past.shift();
      this.#boot = boot;
      this.#newest.clear();
    }
    if (sequence <= this.newest(matter)) return false;
    this.#newest.set(matter, sequence);
    if (matter === inventoryMatter)
      for (const [other, last] of this.#newest)
        if (last < sequence && other !== heartbeatMatter) this.#newest.delete(other);
    this.#newest.set(matter, sequence);
    return restarted ? "new-boot" : true;
  }

  /** Number of the newest report on this matter; an inventory has spoken of every instance. */
  newest(matter: string): number {
    const own = this.#newest.get(matter) ?? -1;
    return matter === heartbeatMatter ? own : Math.max(own, this.#newest.get(inventoryMatter) ?? -1);
  }
}

export const inventoryMatter = "inventory";
export const heartbeatMatter = "heartbeat";
