/**
 * Starting again what crashed, where its restart policy says so: at growing intervals, so that what crashes at once
 * does not keep its cell busy. A stop that somebody asked for, or that the guest's system made itself, is no crash: its
 * state is `stopped`. So it is after a start that failed, too; whether that was ours, and is to be tried again, is seen
 * in the tasks. How often it was tried is in a table of its own, so that a scheduler that starts anew goes on counting.
 */
import { type InstanceId, serviceActor, type Timestamp, timestamp } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { Database } from "../database.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { newestTask } from "../tasks/store.ts";
import { beginner } from "./begin.ts";
import { changeInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import { findInstance, instancesIn, type StoredInstance } from "./store.ts";

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

/** As cells say it. */
const startFailed = "Its last start failed.";
const self = serviceActor("scheduler");

/** Whether the last that was done to have it run was our start, and that failed. */
const ourStartFailed = async (db: Kysely<Database>, instance: InstanceId): Promise<boolean> => {
  const newest = await newestTask(db, instance, ["instance.start", "snapshot.restore"]);
  return newest?.state === "failed" && newest.actor.kind === self.kind && newest.actor.id === self.id;
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
    const { db, registry, log } = this.#deps;
    await this.#forgetStarted();
    const due = [...(await instancesIn(db, "crashed")), ...(await this.#failed())].filter(
      ({ settings, task, cell }) => settings.restart === "on-crash" && task === null && registry.isOnline(cell),
    );
    for (const { id } of due)
      await this.#attend(id).catch((error) => log.error("Could not start what crashed", { instance: id, error }));
    return due.length > 0;
  }

  /** What somebody else has started while it waited for us is theirs. */
  async #forgetStarted(): Promise<void> {
    await this.#deps.db
      .deleteFrom("restarts")
      .where("due_at", "is not", null)
      .where("instance", "in", (query) =>
        query.selectFrom("instances").select("id").where("state", "in", ["running", "paused", "stopping"]),
      )
      .execute();
  }

  /** Those whose start by us failed. What has a count and is off for another reason was stopped: that begins anew. */
  async #failed(): Promise<StoredInstance[]> {
    const { db } = this.#deps;
    const rows = await db
      .selectFrom("restarts")
      .innerJoin("instances", "instances.id", "restarts.instance")
      .where("instances.state", "=", "stopped")
      .where("instances.task", "is", null)
      .select("restarts.instance")
      .execute();
    const failed: StoredInstance[] = [];
    for (const { instance: id } of rows) {
      const instance = (await ourStartFailed(db, id)) ? await findInstance(db, id) : undefined;
      if (instance) failed.push(instance);
      else await this.#forget(id);
    }
    return failed;
  }

  async #forget(id: InstanceId): Promise<void> {
    await this.#deps.journal.write(async (trx) => {
      await trx.deleteFrom("restarts").where("instance", "=", id).execute();
      const row = await findInstance(trx, id);
      if (row?.stateReason?.startsWith(startFailed))
        await changeInstance(this.#deps, trx, row, { stateReason: startFailed });
    });
  }

  async #attend(id: InstanceId): Promise<void> {
    const { journal, clock, log, newId } = this.#deps;
    const now = clock.now();
    const isDue = await journal.write(async (trx) => {
      const [row, before] = [await findInstance(trx, id), await find(trx, id)];
      const hasFailed = row !== undefined && (await ourStartFailed(trx, id));
      if (row?.state !== "crashed" && !(row?.state === "stopped" && hasFailed)) return false;
      if (before && before.due_at !== null) {
        if (Date.parse(before.due_at) > now) return false;
        const started = { count: before.count + 1, due_at: null, started_at: timestamp(now) };
        await save(trx, { instance: id, ...started });
        return true;
      }
      const recovered = !before?.started_at || (!hasFailed && now - Date.parse(before.started_at) >= recoveredAfterMs);
      const count = recovered ? 0 : before.count;
      const pause = restartPausesMs[Math.min(count, restartPausesMs.length - 1)] ?? 0;
      await save(trx, {
        instance: id,
        count,
        due_at: timestamp(now + pause),
        started_at: before?.started_at ?? null,
      });
      const again = `in ${pause / 1_000} s: attempt ${count + 1}.`;
      const stateReason = hasFailed
        ? `${startFailed} It is tried again ${again}`
        : `It crashed, and is started again ${again}`;
      await changeInstance(this.#deps, trx, row, { stateReason });
      return false;
    });
    if (!isDue) return;
    log.warn("Starting an instance that crashed", { instance: id });
    await this.#begin({
      operation: "instance.start",
      action: "start",
      input: { id },
      context: { requestId: newId(), actor: self },
      stateOf: ({ epoch, cell }) => ({ id, epoch, cell }),
    });
  }
}
