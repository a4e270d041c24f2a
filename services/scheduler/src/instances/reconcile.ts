/**
 * What is against what should be. Cells report what libvirt has; the instances' rows say what there should be. For each instance of a report:
 *
 * | our row                      | its domain on the cell       | then                                                              |
 * |------------------------------|------------------------------|-------------------------------------------------------------------|
 * | on this cell                 | there                        | the row takes its state (`observe.ts`)                            |
 * | on this cell                 | not in two inventories, or reported gone | `missing`                                             |
 * | on another cell              | there, not of a newer epoch  | a stale copy: it is stopped and undefined, its disks are left alone |
 * | none, and a tombstone        | there                        | it was deleted: domain and disks are removed                      |
 * | none, and no tombstone       | there                        | our database is older than the cell: the row is made from its metadata |
 *
 * A row that a task is making or removing keeps its state. One inventory without an instance proves nothing: it may have been taken
 * just before the instance was defined.
 */
import type { Report } from "@nano/bus";
import { type CellId, type InstanceId, nicsOf, type Observed, settingsOf, timestamp } from "@nano/contract";
import { isUniqueViolation } from "@nano/store";
import type { Write } from "../events/journal.ts";
import { changeInstance } from "./change.ts";
import { deleteSeed } from "./cloud-init/seed.ts";
import type { InstanceDeps } from "./deps.ts";
import { Mailbox } from "./mailbox.ts";
import { observe, overdue } from "./observe.ts";
import {
  findInstance,
  findInstanceByName,
  insertInstance,
  instancesIn,
  instancesOfCell,
  macIsTaken,
  type StoredInstance,
  tombstonesOf,
} from "./store.ts";
import { usageOfCell } from "./usage.ts";
import { factsOf } from "./view.ts";

/** A stop has a minute, so a few seconds more are not missed. */
const stopCheckEveryMs = 3_000;
const missingReason = "libvirt on its cell has no such domain any more.";

export class Reconciler {
  readonly #deps: InstanceDeps;
  readonly #mailboxes = new Map<CellId, Mailbox>();
  /** Not found in the last inventory of their cell. */
  readonly #suspects = new Set<InstanceId>();
  /** Copies being removed: the next inventory still shows them. */
  readonly #removing = new Map<InstanceId, Promise<void>>();
  #timer: Timer | undefined;

  constructor(deps: InstanceDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#checkStops().catch((error) => this.#deps.log.error("Could not look after stopping instances", { error }));
    }, stopCheckEveryMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#mailboxes.values()].map((mailbox) => mailbox.idle()));
    await Promise.all(this.#removing.values());
  }

  inventory(report: Report<"inventory">): void {
    this.#mailbox(report.cell)?.inventory(report);
  }

  instance(report: Report<"instance">): void {
    this.#mailbox(report.cell)?.instance(report);
  }

  /** Nobody can say any more how the cell's instances are. */
  async lose(cell: CellId, why: string): Promise<void> {
    await this.#deps.journal.write(async (trx) => {
      for (const row of await instancesOfCell(trx, cell)) {
        if (row.state === "creating" || row.state === "deleting" || row.state === "lost") continue;
        const reason = `Its cell ${this.#deps.registry.nameOf(cell)} does not answer (${why}). It may well be running.`;
        await changeInstance(this.#deps, trx, row, { state: "lost", stateReason: reason });
      }
    });
  }

  /** Asks a cell for all it has: it is back, or new in a pool. Best effort, its inventory follows within 10 s. */
  async ask(cell: CellId): Promise<void> {
    try {
      // What is made while the answer is on its way is not in it; that says nothing.
      const before = await instancesOfCell(this.#deps.db, cell);
      const made = new Set(before.filter(({ state }) => state !== "creating").map(({ id }) => id));
      const { items } = await this.#deps.ask(cell, "cell.instance.list", {});
      await this.#takeInventory(cell, items, (id) => made.has(id));
    } catch (error) {
      this.#deps.log.warn("Could not ask a cell for its instances; waiting for its inventory", { cell, error });
    }
  }

  #mailbox(cell: CellId): Mailbox | undefined {
    const existing = this.#mailboxes.get(cell);
    if (existing) return existing;
    const known = this.#deps.registry.find(cell);
    // A cell we never heard a heartbeat of: the next inventory comes in 10 s.
    if (!known) return undefined;
    const mailbox = new Mailbox(known.order, {
      inventory: (report) => this.#takeInventory(cell, report.instances),
      instance: (report) => this.#takeReport(cell, report),
      failed: (error) => this.#deps.log.error("Could not take note of a cell's instances", { cell, error }),
    });
    this.#mailboxes.set(cell, mailbox);
    return mailbox;
  }

  /** @param counts whether it means something that an instance is not among the items */
  async #takeInventory(
    cell: CellId,
    items: readonly Observed[],
    counts: (id: InstanceId) => boolean = () => true,
  ): Promise<void> {
    // A word that was on its way when its cell went: what the cell has is asked for when it is back.
    if (!this.#deps.registry.isOnline(cell)) return;
    const seen = new Map(items.map((item) => [item.id, item]));
    const strangers = await this.#deps.journal.write(async (trx) => {
      const rows = await instancesOfCell(trx, cell);
      for (const row of rows) {
        const observed = seen.get(row.id);
        if (observed) {
          this.#suspects.delete(row.id);
          await this.#note(trx, row, observed);
        } else if (!counts(row.id)) continue;
        else if (this.#suspects.has(row.id)) await this.#miss(trx, row);
        else this.#suspects.add(row.id);
      }
      const ours = new Set(rows.map((row) => row.id));
      return items.filter((item) => !ours.has(item.id));
    });
    for (const stranger of strangers) await this.#meetStranger(cell, stranger);
  }

  async #takeReport(cell: CellId, { id, observed }: Report<"instance">): Promise<void> {
    if (!this.#deps.registry.isOnline(cell)) return;
    const ours = await this.#deps.journal.write(async (trx) => {
      const row = await findInstance(trx, id);
      if (row?.cell !== cell) return false;
      if (observed) await this.#note(trx, row, observed);
      else await this.#miss(trx, row);
      return true;
    });
    if (!ours && observed) await this.#meetStranger(cell, observed);
  }

  async #note(trx: Write, row: StoredInstance, observed: Observed): Promise<void> {
    if (observed.id !== row.id) return;
    await changeInstance(this.#deps, trx, row, observe(row, observed, this.#deps.clock.now()));
  }

  async #miss(trx: Write, row: StoredInstance): Promise<void> {
    if (row.state === "creating" || row.state === "deleting" || row.task !== null) return;
    await changeInstance(this.#deps, trx, row, { state: "missing", stateReason: missingReason, stopAskedAt: null });
  }

  /** A domain with our metadata that should not be on this cell, as far as we know. */
  async #meetStranger(cell: CellId, observed: Observed): Promise<void> {
    if (this.#removing.has(observed.id)) return;
    const { db, log } = this.#deps;
    const elsewhere = await findInstance(db, observed.id);
    if (elsewhere) {
      if (observed.epoch <= elsewhere.epoch) this.#remove(cell, observed, elsewhere.epoch + 1, "stale");
      else log.error("A cell has a newer copy of an instance than we know of", { cell, instance: observed.id });
      return;
    }
    const epoch = (await tombstonesOf(db, [observed.id])).get(observed.id);
    if (epoch !== undefined) this.#remove(cell, observed, Math.max(epoch, observed.epoch), "deleted");
    else await this.#adopt(cell, observed);
  }

  /** Best effort: whatever is left is in the next inventory. */
  #remove(cell: CellId, { id, spec }: Observed, epoch: number, why: "stale" | "deleted"): void {
    const { ask, log } = this.#deps;
    log.warn("A cell has an instance that should not be there; removing it", {
      cell,
      instance: id,
      name: spec.name,
      why,
    });
    const removing = async () => {
      await ask(cell, "cell.instance.undefine", { id, epoch });
      // The disks of a copy that merely moved may be somebody's last resort.
      if (why === "deleted")
        for (const { name } of spec.disks) await ask(cell, "cell.disk.delete", { id, epoch, disk: name });
      if (why === "deleted") await deleteSeed({ ask }, cell, { ...spec, epoch });
    };
    this.#removing.set(
      id,
      removing()
        .catch((error) => log.warn("Could not remove it yet", { cell, instance: id, error }))
        .finally(() => this.#removing.delete(id)),
    );
  }

  /** The cell knows an instance that our database has lost: believe the cell. */
  async #adopt(cell: CellId, observed: Observed): Promise<void> {
    const { journal, registry, clock, log } = this.#deps;
    const pool = registry.find(cell)?.stored.pool;
    if (pool === null || pool === undefined) return;
    const { spec } = observed;
    try {
      const usage = await journal.write(async (trx) => {
        const taken = await findInstanceByName(trx, spec.name);
        for (const { mac } of nicsOf(spec))
          if (await macIsTaken(trx, mac)) throw new RangeError(`Its address ${mac} is another instance's`);
        const now = timestamp(clock.now());
        const bare: StoredInstance = {
          id: observed.id,
          name: taken ? `${spec.name.slice(0, 54)}-${observed.id.slice(-8)}` : spec.name,
          description: spec.description,
          pool,
          cell,
          state: "stopped",
          stateReason: null,
          cores: spec.cores,
          memoryMiB: spec.memoryMiB,
          disks: spec.disks,
          nics: nicsOf(spec),
          addresses: [],
          nicAddresses: [],
          media: null,
          autostart: spec.autostart,
          settings: settingsOf(spec),
          pending: [],
          running: {},
          snapshots: 0,
          agent: false,
          owner: spec.owner,
          decision: null,
          task: null,
          epoch: observed.epoch,
          createdAt: timestamp(Date.parse(spec.createdAt)),
          modifiedAt: now,
          startedAt: null,
          stopAskedAt: null,
          revision: 1,
        };
        const adopted = { ...bare, ...observe(bare, observed, clock.now()) };
        await insertInstance(trx, adopted);
        await journal.tell(trx, "instance.created", adopted.id, factsOf(adopted));
        return await usageOfCell(trx, cell);
      });
      registry.setUsage(cell, usage, clock.monotonic());
      log.warn("Took over an instance that only its cell knew", { cell, instance: observed.id, name: spec.name });
    } catch (error) {
      if (!isUniqueViolation(error) && !(error instanceof RangeError)) throw error;
      log.error("Cannot take over an instance that only its cell knows", { cell, instance: observed.id, error });
    }
  }

  async #checkStops(): Promise<void> {
    const { db, journal, clock } = this.#deps;
    const late = (await instancesIn(db, "stopping")).filter((row) => overdue(row, clock.now()) !== undefined);
    if (late.length === 0) return;
    await journal.write(async (trx) => {
      for (const { id } of late) {
        const row = await findInstance(trx, id);
        const changes = row && overdue(row, clock.now());
        if (row && changes) await changeInstance(this.#deps, trx, row, changes);
      }
    });
  }
}
