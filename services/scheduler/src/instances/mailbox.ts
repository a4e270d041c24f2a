/**
 * One cell's reports about its instances, waiting to be worked on: the newest on each matter, so that no flood makes
 * the queue grow.
 */
import type { Report } from "@nano/bus";
import type { InstanceId } from "@nano/contract";
import { inventoryMatter, type ReportOrder } from "../cells/order.ts";

export class Mailbox {
  #inventory: Report<"inventory"> | undefined;
  readonly #instances = new Map<InstanceId, Report<"instance">>();
  #working: Promise<void> | undefined;

  constructor(
    readonly order: ReportOrder,
    private readonly work: {
      inventory(report: Report<"inventory">): Promise<void>;
      instance(report: Report<"instance">): Promise<void>;
      failed(error: unknown): void;
    },
  ) {}

  inventory(report: Report<"inventory">): void {
    if (this.order.accept(report.boot, report.sequence, inventoryMatter) === false) return;
    this.#inventory = report;
    // What was said before the inventory is in it.
    for (const [id, earlier] of this.#instances) if (earlier.sequence < report.sequence) this.#instances.delete(id);
    this.#start();
  }

  instance(report: Report<"instance">): void {
    if (this.order.accept(report.boot, report.sequence, report.id) === false) return;
    this.#instances.set(report.id, report);
    this.#start();
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#working;
  }

  #start(): void {
    this.#working ??= this.#run().finally(() => {
      this.#working = undefined;
    });
  }

  async #run(): Promise<void> {
    for (;;) {
      const inventory = this.#inventory;
      this.#inventory = undefined;
      const [next] = this.#instances.values();
      if (!inventory && !next) return;
      try {
        if (inventory) await this.work.inventory(inventory);
        else if (next) {
          this.#instances.delete(next.id);
          await this.work.instance(next);
        }
      } catch (error) {
        this.work.failed(error);
      }
    }
  }
}
