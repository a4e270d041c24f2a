/**
 * The tables `instances` (what should exist, where, and what its cell last said of it) and `tombstones` (what was
 * deleted). Nothing else touches them.
 */
import {
  Addresses,
  type CellId,
  type DecisionId,
  type Disk,
  Disks,
  defaultSettings,
  firstNic,
  type ImageId,
  Instance,
  type InstanceId,
  InstanceSpec,
  type InstanceState,
  type MediaId,
  type Nic,
  NicAddresses,
  Nics,
  type PendingSetting,
  type PoolName,
  Running,
  Settings,
  shortened,
  type TaskId,
  type Timestamp,
  Type,
} from "@nano/contract";
import { prepared } from "@nano/store";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { fromColumn, toColumn, toFlag } from "../column.ts";
import type { Database } from "../database.ts";
import { deleteCloudInit } from "./cloud-init/store.ts";

export interface InstanceTable {
  id: InstanceId;
  name: string;
  /** In lower case: names are host names, which do not tell case apart. */
  name_key: string;
  description: string;
  pool: PoolName;
  cell: CellId;
  state: InstanceState;
  state_reason: string | null;
  cores: number;
  memory_mib: number;
  /** Sum over the disks: what is promised on the cell. */
  storage_gib: number;
  /** JSON: Disk[]. */
  disks: string;
  /** Of the first network interface. */
  mac: string;
  /** JSON: Nic[]; null when there is the first one only. */
  nics: string | null;
  /** JSON: string[]. */
  addresses: string;
  /** JSON: NicAddresses. */
  nic_addresses: string;
  /** JSON: Instance["media"]. */
  media: string | null;
  /** What its disks are made of, and what is in its drive: the ids that `disks` and `media` name, to be found by. */
  image_id: ImageId | null;
  media_id: MediaId | null;
  autostart: number;
  /** JSON: Settings. */
  settings: string;
  /** JSON: string[]: the tags of the settings in lower case, to be found by. */
  tags: string;
  /** JSON: PendingSetting[]. */
  pending: string;
  running: string;
  /** How many, as its cell last said. */
  snapshots: number;
  /** Whether a guest agent is connected. */
  agent: number;
  owner: string;
  decision: DecisionId | null;
  /** The task that works on it: the instance's lock. */
  task: TaskId | null;
  epoch: number;
  /** The newest that this zone gave out itself; 0 when what is known of it is a cell's word alone. */
  assigned_epoch: number;
  created_at: Timestamp;
  modified_at: Timestamp;
  started_at: Timestamp | null;
  /** When its power button was pressed, while the guest has not followed. */
  stop_asked_at: Timestamp | null;
  /** Deadline for the guest to follow; null: no deadline. */
  stop_until: Timestamp | null;
  /** When the guest last restarted in this run. */
  restarted_at: Timestamp | null;
  revision: number;
}

export interface TombstoneTable {
  id: InstanceId;
  name: string;
  /** Newer than any command the instance ever got. */
  epoch: number;
  /** `forgotten`: its cell was away, and may still have it. */
  kind: TombstoneKind;
  /** A cell that was away when it was deleted: what is left there is removed when it is back. */
  left_on: CellId | null;
  /** JSON: InstanceSpec, of what is left there. */
  left_spec: string | null;
  deleted_at: Timestamp;
}
export type TombstoneKind = "deleted" | "forgotten";
export interface Tombstone {
  readonly id: InstanceId;
  readonly epoch: number;
  readonly kind: TombstoneKind;
}

export const instanceMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("instances")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("name_key", "text", (c) => c.notNull().unique())
      .addColumn("description", "text", (c) => c.notNull())
      .addColumn("pool", "text", (c) => c.notNull().references("pools.name"))
      .addColumn("cell", "text", (c) => c.notNull().references("cells.id"))
      .addColumn("state", "text", (c) => c.notNull())
      .addColumn("state_reason", "text")
      .addColumn("cores", "integer", (c) => c.notNull())
      .addColumn("memory_mib", "bigint", (c) => c.notNull())
      .addColumn("storage_gib", "bigint", (c) => c.notNull())
      .addColumn("disks", "text", (c) => c.notNull())
      .addColumn("mac", "text", (c) => c.notNull().unique())
      .addColumn("addresses", "text", (c) => c.notNull())
      .addColumn("media", "text")
      .addColumn("autostart", "integer", (c) => c.notNull())
      .addColumn("owner", "text", (c) => c.notNull())
      .addColumn("decision", "text")
      .addColumn("task", "text")
      .addColumn("epoch", "integer", (c) => c.notNull())
      .addColumn("created_at", "text", (c) => c.notNull())
      .addColumn("modified_at", "text", (c) => c.notNull())
      .addColumn("started_at", "text")
      .addColumn("stop_asked_at", "text")
      .addColumn("revision", "integer", (c) => c.notNull())
      .execute();
    const index = (name: string, columns: string[]) =>
      db.schema.createIndex(`instances_by_${name}`).on("instances").columns(columns).execute();
    await index("name", ["name_key", "id"]);
    await index("age", ["created_at", "id"]);
    await index("state", ["state", "id"]);
    await index("cores", ["cores", "id"]);
    await index("memory", ["memory_mib", "id"]);
    await index("pool", ["pool", "name_key", "id"]);
    // Holds all that a cell's sums need, so that they are read from the index alone.
    await index("cell", ["cell", "state", "cores", "memory_mib", "storage_gib"]);
    await index("task", ["task"]);
    await db.schema
      .createTable("tombstones")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("epoch", "integer", (c) => c.notNull())
      .addColumn("deleted_at", "text", (c) => c.notNull())
      .execute();
  },
};

export const settingsMigration: Migration = {
  async up(db) {
    const add = (column: string, standard: unknown) =>
      db.schema
        .alterTable("instances")
        .addColumn(column, "text", (c) => c.notNull().defaultTo(JSON.stringify(standard)))
        .execute();
    await add("settings", defaultSettings);
    await add("pending", []);
  },
};

export const snapshotsMigration: Migration = {
  async up(db) {
    await db.schema
      .alterTable("instances")
      .addColumn("snapshots", "integer", (c) => c.notNull().defaultTo(0))
      .execute();
  },
};

export const runningMigration: Migration = {
  async up(db) {
    await db.schema
      .alterTable("instances")
      .addColumn("running", "text", (c) => c.notNull().defaultTo("{}"))
      .execute();
  },
};

export const nicsMigration: Migration = {
  async up(db) {
    await db.schema.alterTable("instances").addColumn("nics", "text").execute();
    await db.schema
      .alterTable("instances")
      .addColumn("nic_addresses", "text", (c) => c.notNull().defaultTo("[]"))
      .execute();
    // Few have more than one: whose an address is, is looked for among them.
    await db.schema
      .createIndex("instances_by_nics")
      .on("instances")
      .column("nics")
      .where("nics", "is not", null)
      .execute();
  },
};

export const usesMigration: Migration = {
  async up(db) {
    await db.schema.alterTable("instances").addColumn("image_id", "text").execute();
    await db.schema.alterTable("instances").addColumn("media_id", "text").execute();
    const rows = await db.selectFrom("instances").select(["id", "disks", "media"]).execute();
    for (const { id, disks, media } of rows) {
      const image_id = imageOf(fromColumn(Disks, disks, `the disks of instance ${id}`));
      const media_id = media === null ? null : fromColumn(Media, media, `the media of instance ${id}`).id;
      await db.updateTable("instances").set({ image_id, media_id }).where("id", "=", id).execute();
    }
    for (const column of ["image_id", "media_id"])
      await db.schema
        .createIndex(`instances_by_${column}`)
        .on("instances")
        .columns([column, "name_key"])
        .where(column, "is not", null)
        .execute();
  },
};

/** Sums and searches over all instances read an index alone: rows are long, and there are many. */
export const indexesMigration: Migration = {
  async up(db) {
    await db.schema
      .alterTable("instances")
      .addColumn("tags", "text", (c) => c.notNull().defaultTo("[]"))
      .execute();
    const rows = await db.selectFrom("instances").select(["id", "settings"]).execute();
    for (const { id, settings } of rows) {
      const tags = tagsColumn(fromColumn(Settings, settings, `the settings of instance ${id}`));
      await db.updateTable("instances").set({ tags }).where("id", "=", id).execute();
    }
    const replace = async (name: string, columns: string[]) => {
      await db.schema.dropIndex(`instances_by_${name}`).execute();
      await db.schema.createIndex(`instances_by_${name}`).on("instances").columns(columns).execute();
    };
    await replace("name", ["name_key", "id", "addresses", "tags"]);
    await replace("cell", ["cell", "pool", "state", "cores", "memory_mib", "storage_gib"]);
  },
};

export const forgottenMigration: Migration = {
  async up(db) {
    await db.schema
      .alterTable("tombstones")
      .addColumn("kind", "text", (c) => c.notNull().defaultTo("deleted"))
      .execute();
  },
};

export const leftMigration: Migration = {
  async up(db) {
    await db.schema.alterTable("tombstones").addColumn("left_on", "text").execute();
    await db.schema.alterTable("tombstones").addColumn("left_spec", "text").execute();
    await db.schema
      .createIndex("tombstones_by_cell")
      .on("tombstones")
      .column("left_on")
      .where("left_on", "is not", null)
      .execute();
  },
};

export const patienceMigration: Migration = {
  async up(db) {
    for (const column of ["stop_until", "restarted_at"])
      await db.schema.alterTable("instances").addColumn(column, "text").execute();
  },
};

/** Of what an older version made it is not known which epoch was given out and which a cell has claimed. */
export const assignedEpochMigration: Migration = {
  async up(db) {
    await db.schema
      .alterTable("instances")
      .addColumn("assigned_epoch", "integer", (c) => c.notNull().defaultTo(0))
      .execute();
  },
};

export interface StoredInstance {
  readonly id: InstanceId;
  readonly name: string;
  readonly description: string;
  readonly pool: PoolName;
  readonly cell: CellId;
  readonly state: InstanceState;
  readonly stateReason: string | null;
  readonly cores: Instance["cores"];
  readonly memoryMiB: Instance["memoryMiB"];
  readonly disks: readonly Disk[];
  /** The first one is always there. */
  readonly nics: readonly Nic[];
  readonly addresses: readonly string[];
  readonly nicAddresses: readonly NicAddresses[number][];
  readonly media: NonNullable<Instance["media"]> | null;
  readonly autostart: boolean;
  readonly settings: Settings;
  readonly pending: readonly PendingSetting[];
  readonly running: Running;
  readonly snapshots: number;
  readonly agent: boolean;
  readonly owner: string;
  readonly decision: DecisionId | null;
  readonly task: TaskId | null;
  readonly epoch: number;
  readonly assignedEpoch: number;
  readonly createdAt: Timestamp;
  readonly modifiedAt: Timestamp;
  readonly startedAt: Timestamp | null;
  readonly stopAskedAt: Timestamp | null;
  readonly stopUntil: Timestamp | null;
  readonly restartedAt: Timestamp | null;
  readonly revision: number;
}

const Reason = Type.String({ maxLength: 2_000 });
const { memoryMiB: Memory, media: OptionalMedia, pending: Pending } = Instance.properties;
const Media = Type.Required(Type.Object({ media: OptionalMedia })).properties.media;

export const fromRow = (row: InstanceTable): StoredInstance => ({
  id: row.id,
  name: row.name,
  description: row.description,
  pool: row.pool,
  cell: row.cell,
  state: row.state,
  stateReason: row.state_reason === null ? null : shortened(Reason, row.state_reason),
  cores: row.cores,
  memoryMiB: fromColumn(Memory, String(row.memory_mib), `the memory of instance ${row.id}`),
  disks: fromColumn(Disks, row.disks, `the disks of instance ${row.id}`),
  nics:
    row.nics === null
      ? [{ name: firstNic, mac: row.mac }]
      : fromColumn(Nics, row.nics, `the network interfaces of instance ${row.id}`),
  addresses: fromColumn(Addresses, row.addresses, `the addresses of instance ${row.id}`),
  nicAddresses: fromColumn(NicAddresses, row.nic_addresses, `the interfaces' addresses of instance ${row.id}`),
  media: row.media === null ? null : fromColumn(Media, row.media, `the media of instance ${row.id}`),
  autostart: row.autostart === 1,
  settings: fromColumn(Settings, row.settings, `the settings of instance ${row.id}`),
  running: fromColumn(Running, row.running, `what instance ${row.id} runs with`),
  pending: fromColumn(Pending, row.pending, `what waits for a start of instance ${row.id}`),
  snapshots: row.snapshots,
  agent: row.agent === 1,
  owner: row.owner,
  decision: row.decision,
  task: row.task,
  epoch: row.epoch,
  assignedEpoch: row.assigned_epoch,
  createdAt: row.created_at,
  modifiedAt: row.modified_at,
  startedAt: row.started_at,
  stopAskedAt: row.stop_asked_at,
  stopUntil: row.stop_until,
  restartedAt: row.restarted_at,
  revision: row.revision,
});

/** What cannot be removed is there. */
export const macOfFirst = ({ id, nics: [first] }: Pick<StoredInstance, "id" | "nics">): string => {
  if (!first) throw new RangeError(`Instance ${id} has no network interface`);
  return first.mac;
};

export const nameKey = (name: string): string => name.toLowerCase();

/** Only a system disk is made of an image. */
const imageOf = (disks: readonly Disk[]): ImageId | null => disks.find(({ image }) => image)?.image?.id ?? null;

const tagsColumn = ({ tags }: Settings): string => toColumn(tags).toLowerCase();

const toRow = (instance: StoredInstance): InstanceTable => ({
  id: instance.id,
  name: instance.name,
  name_key: nameKey(instance.name),
  description: instance.description,
  pool: instance.pool,
  cell: instance.cell,
  state: instance.state,
  state_reason: instance.stateReason,
  cores: instance.cores,
  memory_mib: instance.memoryMiB,
  storage_gib: instance.disks.reduce((sum, disk) => sum + disk.sizeGiB, 0),
  disks: toColumn(instance.disks),
  mac: macOfFirst(instance),
  nics: instance.nics.length === 1 ? null : toColumn(instance.nics),
  addresses: toColumn(instance.addresses),
  nic_addresses: toColumn(instance.nicAddresses),
  media: instance.media === null ? null : toColumn(instance.media),
  image_id: imageOf(instance.disks),
  media_id: instance.media?.id ?? null,
  autostart: toFlag(instance.autostart),
  settings: toColumn(instance.settings),
  tags: tagsColumn(instance.settings),
  pending: toColumn(instance.pending),
  running: toColumn(instance.running),
  snapshots: instance.snapshots,
  agent: toFlag(instance.agent),
  owner: instance.owner,
  decision: instance.decision,
  task: instance.task,
  epoch: instance.epoch,
  assigned_epoch: instance.assignedEpoch,
  created_at: instance.createdAt,
  modified_at: instance.modifiedAt,
  started_at: instance.startedAt,
  stop_asked_at: instance.stopAskedAt,
  stop_until: instance.stopUntil,
  restarted_at: instance.restartedAt,
  revision: instance.revision,
});

const rowById = prepared((db: Kysely<Database>, { id }: { id: InstanceId }) =>
  db.selectFrom("instances").selectAll().where("id", "=", id),
);
const rowByName = prepared((db: Kysely<Database>, { key }: { key: string }) =>
  db.selectFrom("instances").selectAll().where("name_key", "=", key),
);
const idByMac = prepared((db: Kysely<Database>, { mac }: { mac: string }) =>
  db.selectFrom("instances").select("id").where("mac", "=", mac),
);
const idByFurtherMac = prepared((db: Kysely<Database>, { like }: { like: string }) =>
  db.selectFrom("instances").select("id").where("nics", "is not", null).where("nics", "like", like),
);
const insertRow = prepared((db: Kysely<Database>, row: InstanceTable) => db.insertInto("instances").values(row));
const updateRow = prepared((db: Kysely<Database>, row: InstanceTable) =>
  db.updateTable("instances").set(row).where("id", "=", row.id),
);

export const findInstance = async (db: Kysely<Database>, id: InstanceId): Promise<StoredInstance | undefined> => {
  const [row] = await rowById(db, { id });
  return row && fromRow(row);
};

export const findInstanceByName = async (db: Kysely<Database>, name: string): Promise<StoredInstance | undefined> => {
  const [row] = await rowByName(db, { key: nameKey(name) });
  return row && fromRow(row);
};

/** Whether it is the address of a network interface, of whichever instance. @param mac in lower case */
export const macIsTaken = async (db: Kysely<Database>, mac: string): Promise<boolean> =>
  (await idByMac(db, { mac })).length > 0 || (await idByFurtherMac(db, { like: `%"${mac}"%` })).length > 0;

const rowsOfCell = prepared((db: Kysely<Database>, { cell }: { cell: CellId }) =>
  db.selectFrom("instances").selectAll().where("cell", "=", cell),
);
export const instancesOfCell = async (db: Kysely<Database>, cell: CellId): Promise<StoredInstance[]> =>
  (await rowsOfCell(db, { cell })).map(fromRow);

export const instancesIn = async (db: Kysely<Database>, state: InstanceState): Promise<StoredInstance[]> =>
  (await db.selectFrom("instances").selectAll().where("state", "=", state).execute()).map(fromRow);

/** Cells on which a transaction has written instances. */
const written = new WeakMap<Kysely<Database>, Set<CellId>>();
const note = (db: Kysely<Database>, cell: CellId): void => {
  const cells = written.get(db);
  if (cells) cells.add(cell);
  else written.set(db, new Set([cell]));
};
/**
 * The cells on which this transaction has written instances: what is reserved there is read again when it has ended,
 * however it ended.
 */
export const cellsWritten = (trx: Kysely<Database>): readonly CellId[] => [...(written.get(trx) ?? [])];

export const insertInstance = async (db: Kysely<Database>, instance: StoredInstance): Promise<void> => {
  note(db, instance.cell);
  await insertRow(db, toRow(instance));
};

/** Writes all of it; the caller has read it in the same transaction. */
export const saveInstance = async (db: Kysely<Database>, instance: StoredInstance): Promise<void> => {
  note(db, instance.cell);
  await updateRow(db, toRow(instance));
};

/** Takes the row away, and with it everything it reserved; what is left is the knowledge that it was deleted. */
export const deleteInstance = async (
  db: Kysely<Database>,
  instance: StoredInstance,
  now: Timestamp,
  kind: TombstoneKind = "deleted",
): Promise<void> => {
  note(db, instance.cell);
  await db.deleteFrom("instances").where("id", "=", instance.id).execute();
  await deleteCloudInit(db, instance.id);
  await insertTombstone(db, { ...instance, epoch: instance.epoch + 1, kind }, now);
};

export const insertTombstone = async (
  db: Kysely<Database>,
  { id, name, epoch, kind }: Tombstone & { readonly name: string },
  now: Timestamp,
): Promise<void> => {
  await db
    .insertInto("tombstones")
    .values({ id, name, epoch, kind, deleted_at: now, left_on: null, left_spec: null })
    .onConflict((conflict) => conflict.column("id").doUpdateSet({ epoch, kind, deleted_at: now }))
    .execute();
};

/** What is to be removed from this cell: it was away when that was decided. */
export const leftOn = async (
  db: Kysely<Database>,
  cell: CellId,
): Promise<{ id: InstanceId; epoch: number; spec: InstanceSpec }[]> => {
  const rows = await db
    .selectFrom("tombstones")
    .select(["id", "epoch", "left_spec"])
    .where("left_on", "=", cell)
    .execute();
  return rows.flatMap(({ id, epoch, left_spec }) =>
    left_spec === null ? [] : [{ id, epoch, spec: fromColumn(InstanceSpec, left_spec, `what is left of ${id}`) }],
  );
};

/** @param left what is on which cell; nothing once that is removed */
export const noteLeft = async (
  db: Kysely<Database>,
  id: InstanceId,
  left?: { readonly cell: CellId; readonly spec: InstanceSpec },
): Promise<void> => {
  await db
    .updateTable("tombstones")
    .set({ left_on: left?.cell ?? null, left_spec: left ? toColumn(left.spec) : null })
    .where("id", "=", id)
    .execute();
};

/** It is wanted after all. */
export const deleteTombstone = async (db: Kysely<Database>, id: InstanceId): Promise<void> => {
  await db.deleteFrom("tombstones").where("id", "=", id).execute();
};

/** Frees the instances that an ended task worked on; the one that the next task is about is passed on to it. */
export const passLock = async (
  db: Kysely<Database>,
  from: TaskId,
  next?: { readonly id: TaskId; readonly resource: { readonly id: string } },
): Promise<void> => {
  if (next)
    await db
      .updateTable("instances")
      .set({ task: next.id })
      .where("task", "=", from)
      .where((e) => e.eb("id", "=", e.val(next.resource.id as InstanceId)))
      .execute();
  await db.updateTable("instances").set({ task: null }).where("task", "=", from).execute();
};

export const findTombstone = async (db: Kysely<Database>, id: InstanceId): Promise<Tombstone | undefined> =>
  db.selectFrom("tombstones").select(["id", "epoch", "kind"]).where("id", "=", id).executeTakeFirst();

const decisionsPage = 2_000;

/** Ids of the decisions that explain an instance there is. In portions, between which others are served. */
export const decisionsInUse = async (db: Kysely<Database>): Promise<DecisionId[]> => {
  const used: DecisionId[] = [];
  for (let after: InstanceId | undefined; ; await Bun.sleep(0)) {
    let query = db.selectFrom("instances").select(["id", "decision"]).orderBy("id").limit(decisionsPage);
    if (after !== undefined) query = query.where("id", ">", after);
    const rows = await query.execute();
    for (const { decision } of rows) if (decision !== null) used.push(decision);
    if (rows.length < decisionsPage) return used;
    after = rows.at(-1)?.id;
  }
};
