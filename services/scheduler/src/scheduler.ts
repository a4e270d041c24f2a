/** The scheduler, assembled: from a database and a bus to everything that runs. */
import type { Bus, Handlers } from "@nano/bus";
import { type CellId, type Clock, type Log, timestamp } from "@nano/contract";
import { startOutbox } from "@nano/store";
import type { Kysely } from "kysely";
import { cellAsker } from "./cells/ask.ts";
import { cellFileHandlers } from "./cells/files.ts";
import { type Expel, forgetCellHandlers } from "./cells/forget.ts";
import { cellHandlers } from "./cells/handlers.ts";
import { CellKeys, cellAdmission } from "./cells/keys.ts";
import { loadRegistry, Presence } from "./cells/presence.ts";
import { CellRegistry } from "./cells/registry.ts";
import { FileRepairer } from "./cells/repair.ts";
import type { Database } from "./database.ts";
import { decisionHandlers } from "./decisions/handlers.ts";
import { eventHandlers } from "./events/handlers.ts";
import { createJournal, type Write } from "./events/journal.ts";
import { cloneSaga } from "./instances/clone-saga.ts";
import { createPasswordHasher } from "./instances/cloud-init/hasher.ts";
import { createSaga } from "./instances/create-saga.ts";
import { deleteSaga } from "./instances/delete-saga.ts";
import type { InstanceDeps } from "./instances/deps.ts";
import { diskSagas } from "./instances/disk-sagas.ts";
import { diskHandlers } from "./instances/disks.ts";
import { exportHandlers } from "./instances/export.ts";
import { exportSaga } from "./instances/export-saga.ts";
import { cellOf, forgetHandlers, forgetter } from "./instances/forget.ts";
import { instanceHandlers } from "./instances/handlers.ts";
import { imageUseHandlers } from "./instances/image-use.ts";
import { mediaHandlers } from "./instances/media.ts";
import { mediaSagas } from "./instances/media-sagas.ts";
import { modifySaga } from "./instances/modify-saga.ts";
import { nicSagas } from "./instances/nic-sagas.ts";
import { nicHandlers } from "./instances/nics.ts";
import { outOfDate } from "./instances/out-of-date.ts";
import { pauseSagas } from "./instances/pause-sagas.ts";
import { powerSagas } from "./instances/power-sagas.ts";
import { Reconciler } from "./instances/reconcile.ts";
import { refreshUsage } from "./instances/reserve.ts";
import { Restarter } from "./instances/restart.ts";
import { snapshotSagas } from "./instances/snapshot-sagas.ts";
import { snapshotHandlers } from "./instances/snapshots.ts";
import { cellsWritten, findInstance, passLock } from "./instances/store.ts";
import { strayHandlers } from "./instances/stray-handlers.ts";
import { Strays } from "./instances/strays.ts";
import { systemHandlers } from "./instances/system.ts";
import { systemSaga } from "./instances/system-saga.ts";
import { usageByCell } from "./instances/usage.ts";
import { defaultPolicy, type Policy } from "./placement/rule.ts";
import { ensureDefaultPool, poolHandlers } from "./pools/handlers.ts";
import { keepPruning } from "./retention.ts";
import { statisticsHandlers } from "./statistics/handlers.ts";
import { StatisticsKeeper } from "./statistics/keeper.ts";
import type { Backoff } from "./tasks/backoff.ts";
import { factsOf, TaskEngine } from "./tasks/engine.ts";
import { taskHandlers } from "./tasks/handlers.ts";
import type { Failpoint, Saga } from "./tasks/saga.ts";
import { findTask } from "./tasks/store.ts";
import { zoneHandlers } from "./zone/handlers.ts";

export interface SchedulerDeps {
  readonly db: Kysely<Database>;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1. */
  readonly random: () => number;
  /** A new UUID, version 7. */
  readonly newId: () => string;
  /** The domain that tells this zone from others on the same network. */
  readonly zone: string;
  /** Ends the connections of forgotten cells; without it their keys are only refused when they join. */
  readonly expel?: Expel;
  readonly policy?: Policy;
  readonly backoff?: Backoff;
  /** Steps of tasks that run at once at most. */
  readonly slots?: number;
  /** Long work of a cell that makes no progress for so many milliseconds is ended. */
  readonly stalledAfterMs?: number;
  /** How long until a damaged file of a cell that could not be fetched is tried again, in milliseconds. */
  readonly repairPauseMs?: number;
  /** How long what is stale on a cell must be found so before it is removed, in milliseconds. */
  readonly proofMs?: number;
  readonly failpoint?: Failpoint;
  /** Tests make sagas stumble with it. */
  readonly adaptSaga?: (saga: Saga) => Saga;
}

export interface Scheduler {
  readonly engine: TaskEngine;
  readonly registry: CellRegistry;
  /**
   * Keeps the key that a cell has proven to own when it joins. @returns false when it was forgotten: it is not let in
   */
  admit(cell: CellId, publicKey: string): Promise<boolean>;
  readonly statistics: StatisticsKeeper;
  /** Lets the work under way end, 10 s at most. The bus and the database stay open: they are the caller's. */
  stop(): Promise<void>;
}

/** Serves everything the scheduler owns; works without the bus until it is there. */
export async function startScheduler(deps: SchedulerDeps): Promise<Scheduler> {
  const { db, bus, clock, log, random, newId, zone, policy = defaultPolicy, adaptSaga = (saga) => saga } = deps;
  const startedAt = timestamp(clock.now());
  bus.keepEventStream();
  const outbox = startOutbox({ db, emit: (event, id) => bus.emit(event, id), log });
  const registry = new CellRegistry();
  const afterWrite = async (trx: Write) => {
    for (const cell of cellsWritten(trx)) await refreshUsage({ db, registry, clock, log }, cell);
  };
  const journal = createJournal({ db, outbox, clock, afterWrite });
  await ensureDefaultPool({ journal, clock });
  const keys = await CellKeys.load(db);
  const expel = deps.expel ?? (() => Promise.resolve());
  void expel(keys.expelled).catch((error) => log.error("Could not refuse forgotten cells", { error }));
  await loadRegistry({ db, registry, clock, usage: await usageByCell(db) });

  const ask = cellAsker({ bus, registry });
  const strays = new Strays();
  const proofMs = deps.proofMs ?? 5_000;
  const instances: InstanceDeps = {
    db,
    journal,
    registry,
    bus,
    ask,
    clock,
    log,
    newId,
    policy,
    strays,
    proofMs,
    hashPassword: createPasswordHasher(),
  };
  const engine = new TaskEngine({
    db,
    journal,
    clock,
    log,
    random,
    ...(deps.failpoint ? { failpoint: deps.failpoint } : {}),
    ...(deps.backoff ? { backoff: deps.backoff } : {}),
    ...(deps.slots === undefined ? {} : { slots: deps.slots }),
    ...(deps.stalledAfterMs === undefined ? {} : { stalledAfterMs: deps.stalledAfterMs }),
    sagas: [
      createSaga(instances),
      cloneSaga(instances),
      deleteSaga(instances),
      ...powerSagas(instances),
      ...mediaSagas(instances),
      ...snapshotSagas(instances),
      ...pauseSagas(instances),
      modifySaga(instances),
      systemSaga(instances),
      ...diskSagas(instances),
      exportSaga(instances),
      ...nicSagas(instances),
    ].map(adaptSaga),
    outOfDate: outOfDate(instances, bus),
    isCellAway: (task) => {
      const cell = cellOf(task);
      return cell !== undefined && registry.isAway(cell);
    },
    onEnd: async (trx, task, next) => passLock(trx, task.id, next && (await findTask(trx, next))),
    // Not kept and not in the outbox: the next figure, or the end, is never far.
    onProgress: (task) =>
      void bus
        .emit({ name: "task.changed", id: task.id, at: timestamp(clock.now()), data: factsOf(task) }, newId())
        .catch(() => {}),
  });
  const reconciler = new Reconciler(instances);
  const restarter = new Restarter(instances, engine);
  const presence = new Presence({
    db,
    bus,
    keys,
    journal,
    registry,
    clock,
    log,
    onOnline: async (cell) => {
      engine.nudge();
      await reconciler.ask(cell);
    },
    onOffline: (cell, why) => reconciler.lose(cell, why),
  });
  const keeper = new StatisticsKeeper({
    registry,
    clock,
    log,
    cellOf: async (id) => (await findInstance(db, id))?.cell,
  });
  const repairer = new FileRepairer({
    ...{ db, journal, bus, ask, clock, log },
    ...(deps.repairPauseMs === undefined ? {} : { pauseMs: deps.repairPauseMs }),
  });
  const stopPruning = keepPruning({ db, clock, log });

  const handlers: Handlers<"scheduler"> = {
    ...zoneHandlers({ db, registry, keeper, name: zone, startedAt }),
    ...poolHandlers({ db, journal, registry, clock }),
    ...cellHandlers({ db, journal, registry, clock, strays, onAdded: (cell) => void reconciler.ask(cell) }),
    ...cellFileHandlers({ ask, bus, registry, log }),
    ...instanceHandlers(instances, engine),
    ...mediaHandlers(instances, engine),
    ...imageUseHandlers(instances),
    ...snapshotHandlers(instances, engine),
    ...statisticsHandlers({ db, registry, keeper, clock }),
    ...systemHandlers(instances, engine),
    ...diskHandlers(instances, engine),
    ...exportHandlers(instances, engine),
    ...nicHandlers(instances, engine),
    ...strayHandlers(instances, engine),
    ...forgetHandlers(instances, engine),
    ...forgetCellHandlers({
      ...{ db, journal, registry, keys, strays, clock, log, expel },
      forgetInstancesOf: forgetter(instances, engine).forgetInstancesOf,
      dismiss: (tasks) => engine.dismiss(tasks),
    }),
    ...decisionHandlers({ db }),
    ...taskHandlers({ db, journal, engine, giveUp: forgetter(instances, engine).endTask }),
    ...eventHandlers({ bus }),
  };
  bus.onReports({
    heartbeat: (report) => {
      presence.heartbeat(report);
      repairer.heard(report);
    },
    leaving: (report) => presence.leaving(report),
    inventory: (report) => reconciler.inventory(report),
    instance: (report) => reconciler.instance(report),
    statistics: (report) => keeper.report(report),
  });
  presence.start();
  reconciler.start();
  keeper.start();
  restarter.start();
  await engine.resume();
  bus.serve("scheduler", handlers);

  return {
    engine,
    registry,
    admit: cellAdmission({ journal, registry, keys, clock }),
    statistics: keeper,
    stop: async () => {
      keeper.stop();
      stopPruning();
      await repairer.stop();
      await restarter.stop();
      await engine.stop();
      await presence.stop();
      await reconciler.stop();
      await outbox.stop();
    },
  };
}
