/** What reaches a driver at the very moment when it writes down why it waits. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { decode, NanoError, silentLog, systemClock, TaskIdSchema, Type, timestamp } from "@nano/contract";
import { openDatabase } from "@nano/store";
import type { Kysely } from "kysely";
import { type Database, migrations } from "../database.ts";
import { createJournal } from "../events/journal.ts";
import { Driver, type Surroundings } from "./driver.ts";
import { defineSaga } from "./saga.ts";
import { Slots } from "./slots.ts";
import { findTask, insertTask, markCancelling, type StoredTask, toTask } from "./store.ts";

let db: Kysely<Database>;
beforeEach(async () => {
  db = await openDatabase<Database>({ url: "sqlite::memory:", migrations, log: silentLog });
});
afterEach(() => db.destroy());

const id = decode(TaskIdSchema, Bun.randomUUIDv7(), "Naming a task");
const now = timestamp(systemClock.now());
const stored: StoredTask = {
  id,
  operation: "instance.start",
  resource: { id: "i-1", name: "web-1" },
  state: "queued",
  step: 0,
  steps: [{ name: "start", title: "Start it", state: "waiting" }],
  data: {},
  cancelling: false,
  outcome: null,
  error: null,
  obstacle: null,
  waitsFor: null,
  actor: { kind: "user", id: "u-1", name: "ann" },
  requestId: "r-1",
  createdAt: now,
  startedAt: null,
  endedAt: null,
};

/** A driver of one step that fails once; the pause before the next try outlasts the test. */
const withPause = async (meanwhile: (driver: Driver, trx: Kysely<Database>) => unknown) => {
  let tries = 0;
  const saga = defineSaga({
    operation: "instance.start",
    state: Type.Object({}),
    steps: [
      {
        name: "start",
        title: () => "Start it",
        undo: "nothing was done",
        async do() {
          if (++tries === 1) throw new NanoError("cell-offline", "The cell does not answer");
        },
      },
    ],
  });
  await insertTask(db, stored);
  const surroundings: Surroundings = {
    db,
    journal: createJournal({ db, outbox: { kick() {} }, clock: systemClock }),
    clock: systemClock,
    log: silentLog,
    random: () => 0.5,
    failpoint() {},
    backoff: { firstMs: 3_600_000, mostMs: 3_600_000 },
    slots: new Slots(1),
    stalledAfterMs: 3_600_000,
    sagaOf: () => saga,
    view: (task) => toTask(task, true),
    async tell(trx, task) {
      if (task.obstacle !== null) await meanwhile(driver, trx);
    },
    onEnd: async () => {},
    endIfOutOfDate: async () => false,
    onProgress() {},
  };
  const driver = new Driver(id, surroundings);
  await driver.run();
  return { tries, state: (await findTask(db, id))?.state };
};

test("a cell that is back is heard", async () => {
  expect(await withPause((driver) => driver.nudge())).toEqual({ tries: 2, state: "done" });
});

test("a cancel is heard", async () => {
  const cancel = async (driver: Driver, trx: Kysely<Database>) => {
    await markCancelling(trx, id);
    driver.cancel();
  };
  expect(await withPause(cancel)).toEqual({ tries: 1, state: "cancelled" });
});
