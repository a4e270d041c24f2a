/**
 * The outbox: an event is written in the transaction of the change it tells of, and published afterwards, in order,
 * until the stream has acknowledged it. So no change goes untold and nothing untrue is told, whoever dies when.
 */
import type { Log, NanoEvent } from "@nano/contract";
import type { Generated, Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { Queryable } from "./database.ts";
import { prepared } from "./prepared.ts";

export interface OutboxTable {
  outbox: {
    sequence: Generated<number>;
    /** `Nats-Msg-Id`: publishing again after a crash does not tell it twice. */
    id: string;
    event: string;
  };
}

export const outboxMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("outbox")
      .addColumn("sequence", "integer", (c) => c.primaryKey().autoIncrement())
      .addColumn("id", "text", (c) => c.notNull())
      .addColumn("event", "text", (c) => c.notNull())
      .execute();
  },
};

const insertRow = prepared((db: Kysely<OutboxTable>, row: { id: string; event: string }) =>
  db.insertInto("outbox").values(row),
);

/** Writes an event beside the change it tells of. Call `kick()` after the commit. */
export const enqueue = async <DB extends OutboxTable>(db: Queryable<DB>, event: NanoEvent): Promise<void> => {
  // Kysely cannot see through the generic: the table is there by the bound on DB.
  const own = db as unknown as Queryable<OutboxTable>;
  await insertRow(own, { id: Bun.randomUUIDv7(), event: JSON.stringify(event) });
};

export interface Outbox {
  /** There may be something to publish. Cheap; call it after each commit. */
  kick(): void;
  /** Ends after the batch under way. What is left is published after the next start. */
  stop(): Promise<void>;
}

const batchSize = 128;
const retryMs = 1_000;
/** So often one event is refused while others are taken: then it is that event's fault. */
const refusedAtMost = 3;

/** @param emit publishes one event and resolves when the stream has it, as `bus.emit` does */
export const startOutbox = <DB extends OutboxTable>(options: {
  db: Kysely<DB>;
  emit: (event: NanoEvent, id: string) => Promise<unknown>;
  log: Log;
}): Outbox => {
  const db = options.db as unknown as Kysely<OutboxTable>;
  let wake = Promise.withResolvers<void>();
  let stopped = false;
  let failing = false;
  let refused = { sequence: 0, times: 0 };

  const emit = async (row: { id: string; event: string }) => options.emit(JSON.parse(row.event) as NanoEvent, row.id);

  /**
   * One that the stream never takes (too large, say) must not keep all that follow. @returns whether it was given up
   */
  const giveUp = async (row: { sequence: number; event: string }, reason: unknown, othersPassed: boolean) => {
    if (!othersPassed) return false;
    refused = { sequence: row.sequence, times: refused.sequence === row.sequence ? refused.times + 1 : 1 };
    if (refused.times < refusedAtMost) return false;
    options.log.error("An event is not told: the stream takes others, and not this one", {
      event: row.event.slice(0, 1_000),
      error: reason,
    });
    await db.deleteFrom("outbox").where("sequence", "=", row.sequence).execute();
    return true;
  };

  /** @returns whether there may be more */
  const flush = async (): Promise<boolean> => {
    const rows = await db.selectFrom("outbox").selectAll().orderBy("sequence").limit(batchSize).execute();
    if (rows.length === 0) return false;
    // All are sent before the first is acknowledged; one connection keeps their order.
    const sent = await Promise.allSettled(rows.map(emit));
    const failed = sent.findIndex(({ status }) => status === "rejected");
    const done = failed === -1 ? rows : rows.slice(0, failed);
    const last = done.at(-1);
    if (last) await db.deleteFrom("outbox").where("sequence", "<=", last.sequence).execute();
    const [row, failure] = [rows[failed], sent[failed]];
    if (row && failure?.status === "rejected") {
      const othersPassed = sent.some(({ status }) => status === "fulfilled");
      if (await giveUp(row, failure.reason, othersPassed)) return true;
      throw failure.reason;
    }
    failing = false;
    return rows.length === batchSize;
  };

  const run = async () => {
    while (!stopped) {
      const next = wake;
      try {
        if (await flush()) continue;
        await next.promise;
        wake = Promise.withResolvers();
      } catch (error) {
        if (stopped) return;
        if (!failing)
          options.log.warn("Events wait in the outbox until the bus takes them", {
            reason: error instanceof Error ? error.message : String(error),
          });
        failing = true;
        await Promise.race([Bun.sleep(retryMs), stopping.promise]);
      }
    }
  };
  const stopping = Promise.withResolvers<void>();
  const running = run();
  return {
    kick: () => wake.resolve(),
    stop: async () => {
      stopped = true;
      stopping.resolve();
      wake.resolve();
      await running;
    },
  };
};
