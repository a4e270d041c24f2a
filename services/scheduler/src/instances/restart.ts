/**
 * Starting again what crashed, where its restart policy says so: at growing intervals, so that what crashes at once does not keep its cell busy. A stop
 * that somebody asked for, or that the guest's system made itself, is no crash: its state is `stopped`. How often it was tried is in a table of its
 * own, so that a scheduler that starts anew goes on counting.
 */
import { type InstanceId, serviceActor, type Timestamp, timestamp } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { Database } from "../database.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { beginner } from "./begin.ts";
import { changeInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import { findInstance, instancesIn } from "./store.ts";

/** How long to wait before each attempt; the last for all that follow. */
export const restartPausesMs = [1_000, 10_000, 60_000, 300_000] as const;
/** Who ran that long has recovered. */
export const recoveredAfterMs = 10 * 60_000;
/** While something waits for its start, and otherwise. */
const lookEveryMs = { waiting: 1_000, idle: 3_000 } as const;

export interface RestartTable {
  instance: InstanceId;
  /** Attempts since it last ran long enough. */
  count: number;
  /** When it is to be started; null once that was done. */
  due_at: Timestamp | null;
  started_at: Timestamp | null;
}

export const restartMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("restarts")
      .addColumn("instance", "text", (c) => c.primaryKey().references("instances.id").onDelete("cascade"))
      .addColumn("count", "integer", (c) => c.notNull())
      .addColumn("due_at", "text")
      .addColumn("started_at", "text")
      .execute();
  },
};

const find = (db: Kysely<Database>, instance: InstanceId): Promise<RestartTable | undefined> =>
  db.selectFrom("restarts").selectAll().where("instance", "=", instance).executeTakeFirst();

const save = async (db: Kysely<Database>, row: RestartTable): Promise<void> => {
  const { instance: _, ...changes } = row;
  await db
    .insertInto("restarts")
    .values(row)
    .onConflict((conflict) => conflict.column("instance").doUpdateSet(changes))
    .execute();
};

export class Restarter {
  readonly #deps: InstanceDeps;
  readonly #begin: ReturnType<typeof beginner>["begin"];
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(deps: InstanceDeps, engine: TaskEngine) {
    this.#deps = deps;
    this.#begin = beginner(deps, engine).begin;
  }

  start(): void {
    this.#lookIn(lookEveryMs.waiting);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #lookIn(milliseconds: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look()
        .catch((error) => {
          this.#deps.log.error("Could not look after crashed instances", { error });
          return false;
        })
        .then((waits) => this.#lookIn(waits ? lookEveryMs.waiting : lookEveryMs.idle));
    }, milliseconds);
  }

  /** Whether something waits for its start. */
  async #look(): Promise<boolean> {
    const { db, registry } = this.#deps;
    const due = (await instancesIn(db, "crashed")).filter(
      ({ settings, task, cell }) => settings.restart === "on-crash" && task === null && registry.isOnline(cell),
    );
    for (const { id } of due) await this.#attend(id);
    return due.length > 0;
  }

  async #attend(id: InstanceId): Promise<void> {
    const { journal, clock, log, newId } = this.#deps;
    const now = clock.now();
    const isDue = await journal.write(async (trx) => {
      const [row, before] = [await findInstance(trx, id), await find(trx, id)];
      if (row?.state !== "crashed") return false;
      if (before && before.due_at !== null) {
        if (Date.parse(before.due_at) > now) return false;
        const started = { count: before.count + 1, due_at: null, started_at: timestamp(now) };
        await save(trx, { instance: id, ...started });
        return true;
      }
      const recovered = !before?.started_at || now - Date.parse(before.started_at) >= recoveredAfterMs;
      const count = recovered ? 0 : before.count;
      const pause = restartPausesMs[Math.min(count, restartPausesMs.length - 1)] ?? 0;
      await save(trx, {
        instance: id,
        count,
        due_at: timestamp(now + pause),
        started_at: before?.started_at ?? null,
      });
      const stateReason = `It crashed, and is started again in ${pause / 1_000} s: attempt ${count + 1}.`;
      await changeInstance(this.#deps, trx, row, { stateReason });
      return false;
    });
    if (!isDue) return;
    log.warn("Starting an instance that crashed", { instance: id });
    await this.#begin({
      operation: "instance.start",
      action: "start",
      input: { id },
      context: { requestId: newId(), actor: serviceActor("scheduler") },
      stateOf: ({ epoch, cell }) => ({ id, epoch, cell }),
    });
  }
}
