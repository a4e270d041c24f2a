/** The table `tasks`: the saga log. Nothing else touches it. */
import {
  type Actor,
  type Bytes,
  type ErrorBody,
  ErrorRecord,
  NanoError,
  type OperationName,
  shortened,
  type Task,
  type TaskId,
  type TaskState,
  TaskStep,
  type Timestamp,
  Type,
} from "@nano/contract";
import { prepared } from "@nano/store";
import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";
import { fromColumn, toColumn, toFlag } from "../column.ts";
import type { Database } from "../database.ts";
import { type Page, type PageQuery, pageOf } from "../page.ts";

export interface TaskTable {
  id: TaskId;
  operation: string;
  resource_id: string;
  resource_name: string;
  state: TaskState;
  /** Index of the step that runs, or is being undone; -1 when all is undone, the number of steps when all is done. */
  step: number;
  /** JSON: TaskStep[]. */
  steps: string;
  /** JSON: the saga's state. */
  data: string;
  /** 1: there is a way back and it was asked for. */
  cancelling: number;
  /** How it ends when it has unwound: `failed` or `cancelled`. */
  outcome: "failed" | "cancelled" | null;
  /** JSON: ErrorBody. */
  error: string | null;
  /** What keeps it from getting on, in words. */
  obstacle: string | null;
  /** It starts when this task has ended. */
  waits_for: TaskId | null;
  actor_kind: Actor["kind"];
  actor_id: string;
  actor_name: string;
  request_id: string;
  created_at: Timestamp;
  started_at: Timestamp | null;
  ended_at: Timestamp | null;
}

export const taskMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("tasks")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("operation", "text", (c) => c.notNull())
      .addColumn("resource_id", "text", (c) => c.notNull())
      .addColumn("resource_name", "text", (c) => c.notNull())
      .addColumn("state", "text", (c) => c.notNull())
      .addColumn("step", "integer", (c) => c.notNull())
      .addColumn("steps", "text", (c) => c.notNull())
      .addColumn("data", "text", (c) => c.notNull())
      .addColumn("cancelling", "integer", (c) => c.notNull())
      .addColumn("outcome", "text")
      .addColumn("error", "text")
      .addColumn("obstacle", "text")
      .addColumn("waits_for", "text")
      .addColumn("actor_kind", "text", (c) => c.notNull())
      .addColumn("actor_id", "text", (c) => c.notNull())
      .addColumn("actor_name", "text", (c) => c.notNull())
      .addColumn("request_id", "text", (c) => c.notNull())
      .addColumn("created_at", "text", (c) => c.notNull())
      .addColumn("started_at", "text")
      .addColumn("ended_at", "text")
      .execute();
    await db.schema.createIndex("tasks_by_age").on("tasks").columns(["created_at", "id"]).execute();
    await db.schema.createIndex("tasks_by_state").on("tasks").columns(["state", "created_at", "id"]).execute();
    await db.schema.createIndex("tasks_by_resource").on("tasks").columns(["resource_id", "created_at", "id"]).execute();
    await db.schema.createIndex("tasks_by_wait").on("tasks").columns(["waits_for"]).execute();
    await db.schema.createIndex("tasks_by_end").on("tasks").columns(["ended_at"]).execute();
  },
};

export const activeStates: readonly TaskState[] = ["queued", "running", "unwinding"];
export const hasEnded = (state: TaskState): boolean => !activeStates.includes(state);

/** A task as the engine works with it. */
export interface StoredTask {
  readonly id: TaskId;
  readonly operation: string;
  readonly resource: { readonly id: string; readonly name: string };
  state: TaskState;
  step: number;
  steps: TaskStep[];
  data: unknown;
  cancelling: boolean;
  outcome: "failed" | "cancelled" | null;
  error: ErrorBody | null;
  obstacle: string | null;
  readonly waitsFor: TaskId | null;
  readonly actor: Pick<Actor, "kind" | "id" | "name">;
  readonly requestId: string;
  readonly createdAt: Timestamp;
  startedAt: Timestamp | null;
  endedAt: Timestamp | null;
}

const Steps = Type.Array(TaskStep);
const Json = Type.Unknown();
const Obstacle = Type.String({ maxLength: 1_000 });

const fromRow = (row: TaskTable): StoredTask => ({
  id: row.id,
  operation: row.operation,
  resource: { id: row.resource_id, name: row.resource_name },
  state: row.state,
  step: row.step,
  steps: fromColumn(Steps, row.steps, `the steps of task ${row.id}`),
  data: fromColumn(Json, row.data, `the state of task ${row.id}`),
  cancelling: row.cancelling === 1,
  outcome: row.outcome,
  error:
    row.error === null
      ? null
      : NanoError.fromBody(fromColumn(ErrorRecord, row.error, `the error of task ${row.id}`)).toBody(),
  obstacle: row.obstacle === null ? null : shortened(Obstacle, row.obstacle),
  waitsFor: row.waits_for,
  actor: { kind: row.actor_kind, id: row.actor_id, name: row.actor_name },
  requestId: row.request_id,
  createdAt: row.created_at,
  startedAt: row.started_at,
  endedAt: row.ended_at,
});

/** What changes while a task is worked on. `cancelling` is not among it: others set that. */
const changing = (task: StoredTask) => ({
  state: task.state,
  step: task.step,
  steps: toColumn(task.steps),
  data: toColumn(task.data),
  outcome: task.outcome,
  error: task.error === null ? null : toColumn(task.error),
  obstacle: task.obstacle,
  started_at: task.startedAt,
  ended_at: task.endedAt,
});

const insertRow = prepared((db: Kysely<Database>, row: TaskTable) => db.insertInto("tasks").values(row));
const rowById = prepared((db: Kysely<Database>, { id }: { id: TaskId }) =>
  db.selectFrom("tasks").selectAll().where("id", "=", id),
);

export const insertTask = async (db: Kysely<Database>, task: StoredTask): Promise<void> => {
  await insertRow(db, {
    id: task.id,
    operation: task.operation,
    resource_id: task.resource.id,
    resource_name: task.resource.name,
    ...changing(task),
    cancelling: toFlag(task.cancelling),
    waits_for: task.waitsFor,
    actor_kind: task.actor.kind,
    actor_id: task.actor.id,
    actor_name: task.actor.name,
    request_id: task.requestId,
    created_at: task.createdAt,
  });
};

/**
 * @returns whether it was written: not, when it has ended, or when `unlessCancelled` and somebody has asked for the way
 * back
 */
export const saveTask = async (
  db: Kysely<Database>,
  task: StoredTask,
  { unlessCancelled = false } = {},
): Promise<boolean> => {
  let update = db.updateTable("tasks").set(changing(task)).where("id", "=", task.id).where("ended_at", "is", null);
  if (unlessCancelled) update = update.where("cancelling", "=", 0);
  return (await update.executeTakeFirst()).numUpdatedRows > 0n;
};

export const markCancelling = async (db: Kysely<Database>, id: TaskId): Promise<void> => {
  await db.updateTable("tasks").set({ cancelling: 1 }).where("id", "=", id).execute();
};

export const findTask = async (db: Kysely<Database>, id: TaskId): Promise<StoredTask | undefined> => {
  const [row] = await rowById(db, { id });
  return row && fromRow(row);
};

/** Ids of all tasks that have not ended, oldest first. */
export const activeTaskIds = async (db: Kysely<Database>): Promise<TaskId[]> => {
  const rows = await db
    .selectFrom("tasks")
    .select("id")
    .where("state", "in", [...activeStates])
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  return rows.map((row) => row.id);
};

/** The tasks that wait for this one to end, oldest first. */
export const tasksWaitingFor = async (db: Kysely<Database>, id: TaskId): Promise<TaskId[]> => {
  const rows = await db
    .selectFrom("tasks")
    .select("id")
    .where("waits_for", "=", id)
    .where("state", "=", "queued")
    .orderBy("created_at")
    .execute();
  return rows.map((row) => row.id);
};

/** The newest task of one of these operations on a resource. */
export const newestTask = async (
  db: Kysely<Database>,
  resource: string,
  operations: readonly OperationName[],
): Promise<StoredTask | undefined> => {
  const row = await db
    .selectFrom("tasks")
    .selectAll()
    .where("resource_id", "=", resource)
    .where("operation", "in", [...operations])
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && fromRow(row);
};

export interface TaskQuery extends PageQuery {
  readonly state?: TaskState;
  readonly active?: boolean;
  readonly resource?: string;
  /** Only those that this actor has asked for. */
  readonly owner?: string;
}

export const listTasks = async (db: Kysely<Database>, query: TaskQuery): Promise<Page<StoredTask>> => {
  let rows = db.selectFrom("tasks");
  if (query.state !== undefined) rows = rows.where("state", "=", query.state);
  if (query.active !== undefined) rows = rows.where("state", query.active ? "in" : "not in", [...activeStates]);
  if (query.resource !== undefined) rows = rows.where("resource_id", "=", query.resource);
  if (query.owner !== undefined) rows = rows.where("actor_id", "=", query.owner);
  return pageOf({
    query,
    count: () => rows.select((e) => e.fn.countAll<number>().as("n")).executeTakeFirstOrThrow(),
    rows: (after, limit) => {
      const ordered = rows.selectAll().orderBy("created_at", "desc").orderBy("id", "desc").limit(limit);
      if (!after) return ordered.execute();
      return ordered.where(sql<boolean>`(created_at, id) < (${after.value}, ${after.id})`).execute();
    },
    key: (row) => ({ value: row.created_at, id: row.id }),
    read: fromRow,
    shown: ({ steps, error, obstacle }) => ({ steps, error, obstacle }),
  });
};

/** Forgets ended tasks beyond the newest `keep`, and those that ended before `endedBefore`. @returns how many */
export const pruneTasks = async (db: Kysely<Database>, endedBefore: Timestamp, keep: number): Promise<number> => {
  const oldestKept = await db
    .selectFrom("tasks")
    .select("ended_at")
    .where("ended_at", "is not", null)
    .orderBy("ended_at", "desc")
    .offset(keep)
    .limit(1)
    .executeTakeFirst();
  const beyond = oldestKept?.ended_at;
  const limit = beyond && beyond > endedBefore ? beyond : endedBefore;
  const { numDeletedRows } = await db
    .deleteFrom("tasks")
    .where("ended_at", "is not", null)
    .where("ended_at", "<=", limit)
    .executeTakeFirst();
  return Number(numDeletedRows);
};

/** 0 to 100: every step counts the same, a step with bytes counts by them. */
const progressOf = (task: StoredTask): number => {
  if (task.state === "done") return 100;
  const parts = task.steps.map(({ state, bytesDone, bytesTotal }) => {
    if (state === "done") return 1;
    return state === "running" && bytesDone !== undefined && bytesTotal ? Math.min(1, bytesDone / bytesTotal) : 0;
  });
  return Math.round((100 * parts.reduce((sum, part) => sum + part, 0)) / Math.max(1, parts.length));
};

/** @param cancellable whether there is still a way back */
export const toTask = (
  task: StoredTask,
  cancellable: boolean,
  running?: { bytesDone: Bytes; bytesTotal?: Bytes },
): Task => {
  const steps = task.steps.map((step, i) => (running && i === task.step ? { ...step, ...running } : step));
  return {
    kind: "task",
    id: task.id,
    operation: task.operation,
    resource: { type: "instance", ...task.resource },
    state: task.state,
    progress: progressOf({ ...task, steps }),
    steps,
    cancellable,
    ...(task.error === null ? {} : { error: task.error }),
    ...(task.obstacle === null ? {} : { obstacle: task.obstacle }),
    actor: task.actor,
    requestId: task.requestId,
    createdAt: task.createdAt,
    ...(task.startedAt === null ? {} : { startedAt: task.startedAt }),
    ...(task.endedAt === null ? {} : { endedAt: task.endedAt }),
  };
};
