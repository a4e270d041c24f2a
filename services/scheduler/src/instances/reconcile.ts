/**
 * Reconciles what cells report with what the records say. For each domain of a report:
 *
 * | our row                      | its domain on the cell       | then                                                              |
 * |------------------------------|------------------------------|-------------------------------------------------------------------|
 * | on this cell                 | there                        | the row takes its state (`observe.ts`)                            |
 * | on this cell                 | there, unclaimed             | the same, and it is claimed for this zone (`claims.ts`)           |
 * | on this cell                 | not in two inventories, or reported gone | `missing`                                             |
 * | on another cell              | there                        | a copy: it is shown, and a person decides                         |
 * | … with a newer epoch of this zone | there                   | a stale copy: found so twice, it is undefined; its disks stay     |
 * | none, and it was deleted     | there                        | found so twice, domain and disks are removed                      |
 * | none, and it was forgotten   | there                        | it is shown, and a person decides                                 |
 * | none                         | there, unclaimed             | it may be another zone's: it is shown, and a person decides       |
 * | none, and no tombstone       | there                        | our database is older than the cell: the row is made from its metadata; where that cannot be, it is shown |
 *
 * A row that a task is making or removing keeps its state. One inventory without an instance proves nothing: it may
 * have been taken just before the instance was defined. Everything that a cell says of its instances, asked or unasked,
 * is worked on one after the other, and what is older than what was taken already is left.
 */
import type { Report } from "@nano/bus";
import {
  type CellId,
  createQuietLog,
  type InstanceId,
  limits,
  NanoError,
  type Observed,
  type QuietLog,
} from "@nano/contract";
import { inventoryMatter } from "../cells/order.ts";
import type { KnownCell } from "../cells/registry.ts";
import type { Write } from "../events/journal.ts";
import { adopt } from "./adopt.ts";
import { changeInstance } from "./change.ts";
import { Claims } from "./claims.ts";
import type { InstanceDeps } from "./deps.ts";
import { newestEpoch, requirePlausible, unknown } from "./epochs.ts";
import { judge, type Verdict } from "./judge.ts";
import { Mailbox } from "./mailbox.ts";
import { heardOf, isNewest, once } from "./newer.ts";
import { observe, overdue } from "./observe.ts";
import { removeStray } from "./remove-stray.ts";
import {
  findInstance,
  findTombstone,
  instancesIn,
  instancesOfCell,
  leftOn,
  noteLeft,
  type StoredInstance,
} from "./store.ts";
import { usageOfCell } from "./usage.ts";

/** A stop has a minute, so a few seconds more are not missed. */
const stopCheckEveryMs = 3_000;
const missingReason = "libvirt on its cell has no such domain any more.";

export class Reconciler {
  readonly #deps: InstanceDeps;
  readonly #mailboxes = new Map<CellId, Mailbox>();
  /** Not found in the last inventory of their cell. */
  readonly #suspects = new Set<InstanceId>();
  /** Stale copies being removed, by cell and instance: the next inventory still shows them. */
  readonly #removing = new Map<string, Promise<void>>();
  readonly #claims: Claims;
  readonly #quiet: QuietLog;
  #timer: Timer | undefined;

  constructor(deps: InstanceDeps) {
    this.#deps = deps;
    this.#claims = new Claims(deps);
    this.#quiet = createQuietLog(deps.log);
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
    await this.#claims.stop();
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
      const before = heardOf(this.#deps.registry.find(cell));
      const { items } = await this.#deps.ask(cell, "cell.instance.list", {});
      const seen = items[0]?.seen ?? before;
      if (seen) this.inventory({ cell, ...seen, instances: items });
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
      inventory: (report) => this.#takeInventory(known, report),
      instance: (report) => this.#takeReport(known, report),
      failed: (error) => this.#deps.log.error("Could not take note of a cell's instances", { cell, error }),
    });
    this.#mailboxes.set(cell, mailbox);
    return mailbox;
  }

  async #takeInventory(known: KnownCell, { cell, boot, sequence, instances }: Report<"inventory">): Promise<void> {
    // A word that was on its way when its cell went: what the cell has is asked for when it is back.
    if (!known.online) return;
    const isNews = once(() => known.taken.accept(boot, sequence, inventoryMatter) !== false);
    const seen = new Map(instances.map((item) => [item.id, item]));
    const strangers = await this.#deps.journal.write(async (trx) => {
      if (!isNews()) return undefined;
      const rows = await instancesOfCell(trx, cell);
      for (const row of rows) {
        if (!isNewest(known, row.id)) continue;
        const observed = seen.get(row.id);
        if (observed) {
          this.#suspects.delete(row.id);
          await this.#note(trx, row, observed);
        } else if (row.state === "creating") continue;
        else if (this.#suspects.has(row.id)) await this.#miss(trx, row);
        else this.#suspects.add(row.id);
      }
      const ours = new Set(rows.map((row) => row.id));
      return instances.filter((item) => !ours.has(item.id) && isNewest(known, item.id));
    });
    if (!strangers) return;
    const strange = new Set(strangers.map(({ id }) => id));
    this.#deps.strays.keepOnly(cell, (id) => strange.has(id) || !isNewest(known, id));
    for (const stranger of strangers) await this.#meetStranger(known, stranger);
    await this.#clean(cell, (id) => seen.has(id));
  }

  /**
   * Removes the disks of what was only half made, or deleted, while the cell was away. A domain goes by being proven to
   * be stale.
   */
  async #clean(cell: CellId, isThere: (id: InstanceId) => boolean): Promise<void> {
    const { db, log } = this.#deps;
    for (const { id, epoch, spec } of await leftOn(db, cell)) {
      const key = `${cell} ${id}`;
      if (isThere(id) || this.#removing.has(key)) continue;
      const cleaning = removeStray(this.#deps, cell, { id, spec }, epoch, "with-disks")
        .then(() => this.#deps.journal.write((trx) => noteLeft(trx, id)))
        .catch((error) => log.warn("Could not remove what is left of an instance yet", { cell, instance: id, error }))
        .finally(() => this.#removing.delete(key));
      this.#removing.set(key, cleaning);
    }
  }

  async #takeReport(known: KnownCell, { cell, boot, sequence, id, observed }: Report<"instance">): Promise<void> {
    if (!known.online) return;
    const isNews = once(() => known.taken.accept(boot, sequence, id) !== false);
    const ours = await this.#deps.journal.write(async (trx) => {
      if (!isNews()) return undefined;
      const row = await findInstance(trx, id);
      if (row?.cell !== cell) return false;
      if (observed) await this.#note(trx, row, observed);
      else await this.#miss(trx, row);
      return true;
    });
    if (ours === undefined) return;
    if (ours || !observed) this.#deps.strays.gone(cell, id);
    else await this.#meetStranger(known, observed);
  }

  async #note(trx: Write, row: StoredInstance, observed: Observed): Promise<void> {
    if (observed.id !== row.id) return;
    // The cell may know of a newer epoch than a database from a backup: it refuses what is older.
    const epoch = newestEpoch(row, observed.epoch);
    if (observed.unclaimed && row.cell) this.#claims.claim(row.cell, row.id, epoch);
    await changeInstance(this.#deps, trx, row, { ...observe(row, observed, this.#deps.clock.now()), epoch });
  }

  async #miss(trx: Write, row: StoredInstance): Promise<void> {
    if (row.state === "creating" || row.state === "deleting" || row.task !== null) return;
    await changeInstance(this.#deps, trx, row, { state: "missing", stateReason: missingReason, stopAskedAt: null });
  }

  /**
   * A cell may say another thousand every time, and what it has said before stays on record. @throws NanoError `in-use`
   */
  async #requireRoom(trx: Write, cell: CellId): Promise<void> {
    const { total } = await usageOfCell(trx, cell);
    if (total < limits.instancesOfCell) return;
    throw new NanoError("in-use", `${this.#deps.registry.nameOf(cell)} has ${total} instances on record already`, {
      remedy: "Delete or forget those that are missing.",
    });
  }

  /**
   * A domain with our metadata that no record puts on this cell. It is judged by what the database says in the
   * transaction that acts on it.
   */
  async #meetStranger(known: KnownCell, observed: Observed): Promise<void> {
    const { journal, registry, strays, clock, proofMs } = this.#deps;
    const { id: cell, pool } = known.stored;
    const { id } = observed;
    if (this.#removing.has(`${cell} ${id}`)) return;
    try {
      const verdict = await journal.write(async (trx): Promise<Verdict> => {
        const [row, tombstone] = [await findInstance(trx, id), await findTombstone(trx, id)];
        const judged = judge({ cell, observed, row, tombstone, isOnline: (other) => registry.isOnline(other) });
        if (row && judged.kind === "ours") await this.#note(trx, row, observed);
        if (judged.kind === "adopt" && pool !== null) {
          requirePlausible(unknown, observed.epoch);
          await this.#requireRoom(trx, cell);
          await adopt(this.#deps, trx, { cell, pool }, observed, observed.epoch);
        }
        return judged;
      });
      switch (verdict.kind) {
        case "adopt":
          // One that is in no pool may belong to a zone that was here before: it is taken over with its cell.
          if (pool === null) return;
          this.#quiet.warn("took over", cell, "Took over an instance that only its cell knew", {
            instance: id,
            name: observed.spec.name,
          });
          return strays.gone(cell, id);
        case "ours":
          return strays.gone(cell, id);
        case "stray": {
          const isNew = strays.find(cell, id) === undefined;
          strays.note({ cell, observed, why: verdict.why }, clock.monotonic());
          if (isNew)
            this.#quiet.warn(`stray ${verdict.why}`, cell, "A cell has an instance that no record puts there", {
              instance: id,
              why: verdict.why,
            });
          return;
        }
        case "stale": {
          const age = strays.note({ cell, observed, why: verdict.why }, clock.monotonic());
          if (age >= proofMs) this.#remove(cell, observed, verdict);
        }
      }
    } catch (error) {
      const { message: detail } = NanoError.from(error, "taking over an instance that only its cell knows");
      if (strays.find(cell, id)?.detail !== detail)
        this.#quiet.warn("not taken over", cell, "Cannot take over an instance that only its cell knows", {
          instance: id,
          error,
        });
      strays.note({ cell, observed, why: "conflict", detail }, clock.monotonic());
    }
  }

  /** Best effort: whatever is left is in the next inventory. */
  #remove(cell: CellId, observed: Observed, { why, epoch }: Extract<Verdict, { kind: "stale" }>): void {
    const { log, strays } = this.#deps;
    const { id } = observed;
    log.warn("A cell has an instance that is proven to be stale; removing it", {
      cell,
      instance: id,
      name: observed.spec.name,
      why,
    });
    const key = `${cell} ${id}`;
    // The disks of a copy that merely moved may be somebody's last resort.
    const removing = removeStray(this.#deps, cell, observed, epoch, why === "deleted" ? "with-disks" : "without-disks")
      .then(() => strays.gone(cell, id))
      .catch((error) => log.warn("Could not remove it yet", { cell, instance: id, error }))
      .finally(() => this.#removing.delete(key));
    this.#removing.set(key, removing);
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
