/** The scheduler's database: the tables of each capability, and how they came to be. */
import { type IdempotencyTable, idempotencyMigration, type OutboxTable, outboxMigration } from "@nano/store";
import { type GivenFileTable, givenFileMigration } from "./cells/given.ts";
import { type CellKeyTable, cellKeyMigration, forgottenNameMigration } from "./cells/keys.ts";
import { abilitiesMigration, type CellTable, cellMigration } from "./cells/store.ts";
import { type DecisionTable, decisionMigration } from "./decisions/store.ts";
import { type CloudInitTable, cloudInitMigration } from "./instances/cloud-init/store.ts";
import { type ToldTable, toldMigration } from "./instances/cloud-init/told.ts";
import { type RestartTable, restartMigration } from "./instances/restart.ts";
import {
  assignedEpochMigration,
  forgottenMigration,
  type InstanceTable,
  indexesMigration,
  instanceMigration,
  leftMigration,
  nicsMigration,
  patienceMigration,
  runningMigration,
  settingsMigration,
  snapshotsMigration,
  type TombstoneTable,
  usesMigration,
} from "./instances/store.ts";
import { type PoolTable, poolMigration } from "./pools/store.ts";
import { type TaskTable, taskMigration } from "./tasks/store.ts";

export interface Database extends OutboxTable, IdempotencyTable {
  pools: PoolTable;
  cells: CellTable;
  cell_keys: CellKeyTable;
  given_files: GivenFileTable;
  instances: InstanceTable;
  cloud_init: CloudInitTable;
  told: ToldTable;
  tombstones: TombstoneTable;
  restarts: RestartTable;
  tasks: TaskTable;
  decisions: DecisionTable;
}

/** Applied in the order of their names, each once. Never change one that was released: add another. */
export const migrations = {
  "2026-11-23-01-outbox": outboxMigration,
  "2026-11-23-02-idempotency": idempotencyMigration,
  "2026-11-23-03-pools": poolMigration,
  "2026-11-23-04-cells": cellMigration,
  "2026-11-23-05-instances": instanceMigration,
  "2026-11-23-06-tasks": taskMigration,
  "2026-11-23-07-decisions": decisionMigration,
  "2026-11-24-01-instance-settings": settingsMigration,
  "2026-11-24-02-cell-abilities": abilitiesMigration,
  "2026-11-24-06-instance-snapshots": snapshotsMigration,
  "2026-11-24-07-cloud-init": cloudInitMigration,
  "2026-11-24-08-instance-restarts": restartMigration,
  "2026-11-24-09-instance-running": runningMigration,
  "2026-11-24-10-instance-nics": nicsMigration,
  "2026-11-24-11-instance-uses": usesMigration,
  "2026-11-25-01-instance-indexes": indexesMigration,
  "2026-11-30-10-cell-keys": cellKeyMigration,
  "2026-11-30-18-forgotten-instances": forgottenMigration,
  "2026-11-30-20-told": toldMigration,
  "2026-11-30-34-instance-patience": patienceMigration,
  "2026-11-30-35-left-behind": leftMigration,
  "2026-11-30-36-forgotten-names": forgottenNameMigration,
  "2026-12-01-01-assigned-epoch": assignedEpochMigration,
  "2026-12-01-02-given-files": givenFileMigration,
};
