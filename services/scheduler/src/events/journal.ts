/**
 * How the scheduler changes what it knows: in a transaction, with the events that tell of it, which are published once
 * it is committed.
 */
import { type Actor, type Clock, type EventName, type NanoEvent, timestamp } from "@nano/contract";
import { answered, createWriter, enqueue, type IdempotentRequest, type Outbox, onceWithin } from "@nano/store";
import type { Kysely, Transaction } from "kysely";
import type { Database } from "../database.ts";

export type Write = Transaction<Database>;

/** On whose behalf something changes; absent when the cloud itself notices it. */
export interface Cause {
  readonly actor: Pick<Actor, "name">;
  readonly requestId: string;
}

export interface Journal {
  /** Runs `work` in a transaction. It must not wait for the network: everybody else's changes wait meanwhile. */
  write<T>(work: (trx: Write) => Promise<T>): Promise<T>;
  /** What this request was answered the first time, if it was. */
  answered<T>(request: Omit<IdempotentRequest, "now">): Promise<{ answer: T } | undefined>;
  /** The same, at most once for one idempotency key. */
  writeOnce<T>(request: Omit<IdempotentRequest, "now">, work: (trx: Write) => Promise<T>): Promise<T>;
  /** Tells of a change, if it is committed. */
  tell(trx: Write, name: EventName, id: string, data: NanoEvent["data"], cause?: Cause): Promise<void>;
}

export function createJournal(deps: {
  db: Kysely<Database>;
  outbox: Pick<Outbox, "kick">;
  clock: Clock;
  /** When a transaction was committed, or taken back; before who asked for it goes on. Must not fail. */
  afterWrite?: (trx: Write) => Promise<void>;
}): Journal {
  const { db, outbox, clock, afterWrite } = deps;
  const writer = createWriter(db);
  const write: Journal["write"] = async (work) => {
    let used: Write | undefined;
    try {
      const result = await writer.write((trx) => {
        used = trx;
        return work(trx);
      });
      outbox.kick();
      return result;
    } finally {
      if (used) await afterWrite?.(used);
    }
  };
  return {
    write,
    answered: (request) => answered(db, { ...request, now: clock.now() }),
    async writeOnce(request, work) {
      const asked = { ...request, now: clock.now() };
      try {
        return await write((trx) => onceWithin(trx, asked, work));
      } catch (error) {
        // The same request at the same time won, elsewhere.
        const winner = await answered<Database, Awaited<ReturnType<typeof work>>>(db, asked);
        if (winner) return winner.answer;
        throw error;
      }
    },
    tell: (trx, name, id, data, cause) =>
      enqueue(trx, {
        name,
        id,
        at: timestamp(clock.now()),
        ...(cause ? { actor: cause.actor.name, requestId: cause.requestId } : {}),
        data,
      }),
  };
}
