/**
 * Group commit. A durable commit waits for the disk (0.1 to several milliseconds), and SQLite commits one transaction
 * after the other. So writes that arrive while one is under way are done together: one transaction, one wait, a
 * savepoint around each, so that one that fails takes back its own changes only. Nobody hears of success before the
 * commit.
 */
import type { Kysely, Transaction } from "kysely";

export interface Writer<DB> {
  /**
   * Runs `work` in a transaction that is committed when this resolves. The work must not wait for the network:
   * everybody else's waits meanwhile. Its changes are taken back if it rejects; it must not start a transaction itself.
   */
  write<T>(work: (transaction: Transaction<DB>) => Promise<T>): Promise<T>;
}

/** More than this in one transaction makes the first of them wait too long for the last. */
const together = 64;

interface Waiting<DB> {
  run(transaction: Transaction<DB>): Promise<void>;
  /** Tells the caller how it ended, now that it is committed. */
  settle(): void;
  fail(error: unknown): void;
}

export const createWriter = <DB>(db: Kysely<DB>): Writer<DB> => {
  const queue: Waiting<DB>[] = [];
  let running = false;

  const commitTogether = async (batch: readonly Waiting<DB>[]): Promise<void> => {
    const [only, ...more] = batch;
    if (only && more.length === 0) return db.transaction().execute((trx) => only.run(trx));
    const trx = await db.startTransaction().execute();
    try {
      for (const one of batch) {
        const inside = await trx.savepoint("one").execute();
        try {
          await one.run(inside);
        } catch (error) {
          await inside.rollbackToSavepoint("one").execute();
          one.fail(error);
        }
        await inside.releaseSavepoint("one").execute();
      }
      await trx.commit().execute();
    } catch (error) {
      if (!trx.isCommitted)
        await trx
          .rollback()
          .execute()
          .catch(() => {});
      throw error;
    }
  };

  const runAll = async (): Promise<void> => {
    running = true;
    // Whoever asks in this turn of the event loop is in the same boat.
    await Promise.resolve();
    for (let batch = queue.splice(0, together); batch.length > 0; batch = queue.splice(0, together)) {
      try {
        await commitTogether(batch);
        for (const one of batch) one.settle();
      } catch (error) {
        for (const one of batch) one.fail(error);
      }
    }
    running = false;
  };

  return {
    write: <T>(work: (transaction: Transaction<DB>) => Promise<T>): Promise<T> => {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      let result: { value: T } | undefined;
      queue.push({
        run: async (transaction) => {
          result = { value: await work(transaction) };
        },
        settle: () => {
          if (result) resolve(result.value);
        },
        fail: reject,
      });
      if (!running) void runAll();
      return promise;
    },
  };
};
