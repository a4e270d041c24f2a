/**
 * What a create and a clone have in common: who the new instance is, the decision where it goes, and what is written
 * with its row.
 */
import type { RequestContext } from "@nano/bus";
import {
  type CloudInitSettings,
  type Decision,
  decode,
  firstNic,
  type InstanceId,
  InstanceIdSchema,
  NanoError,
  type Nic,
  type Resources,
  TaskIdSchema,
  timestamp,
} from "@nano/contract";
import { insertDecision } from "../decisions/store.ts";
import type { Write } from "../events/journal.ts";
import { gib } from "../units.ts";
import { insertCloudInit } from "./cloud-init/store.ts";
import type { InstanceDeps } from "./deps.ts";
import { freeMac } from "./mac.ts";
import { findInstanceByName, insertInstance, type StoredInstance } from "./store.ts";
import { noUsage, plusUsage } from "./usage.ts";
import { factsOf } from "./view.ts";

/** Thrown out of the transaction, so that nothing of it stays; the decision is written afterwards. */
export class NoRoom extends Error {
  constructor(
    readonly decision: Decision,
    /** Unless the error's own will do. */
    readonly remedy?: string,
  ) {
    super(decision.summary);
  }
}

/** Runs what may end with `NoRoom`. @throws NanoError `no-room`, with the decision that says why */
export const explainingNoRoom = async <T>(
  { journal }: Pick<InstanceDeps, "journal">,
  work: () => Promise<T>,
): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NoRoom)) throw error;
    const { decision, remedy } = error;
    await journal.write((trx) => insertDecision(trx, decision));
    throw new NanoError("no-room", [decision.summary, decision.smallestChange].filter(Boolean).join(" "), {
      ...(remedy === undefined ? {} : { remedy }),
      details: {
        decision: decision.id,
        ...(decision.smallestChange ? { smallestChange: decision.smallestChange } : {}),
      },
    });
  }
};

/** @throws NanoError `name-taken` */
export const refuseTakenName = async (db: InstanceDeps["db"], name: string): Promise<void> => {
  const taken = await findInstanceByName(db, name);
  if (taken)
    throw new NanoError("name-taken", `There is an instance '${taken.name}' already`, { details: { id: taken.id } });
};

/**
 * An id, MAC addresses nobody has, the task that makes it, and what is true of every instance at its beginning.
 * @param like network interfaces that it has the like of
 */
export const beginning = async (
  { clock, newId }: Pick<InstanceDeps, "clock" | "newId">,
  trx: Write,
  like: readonly Omit<Nic, "mac">[] = [{ name: firstNic }],
) => {
  const id: InstanceId = decode(InstanceIdSchema, newId(), "Naming an instance");
  const nics: Nic[] = [];
  for (const nic of like) nics.push({ ...nic, mac: await freeMac(trx, id, nics) });
  const now = timestamp(clock.now());
  return {
    id,
    nics,
    task: decode(TaskIdSchema, newId(), "Naming a task"),
    state: "creating",
    stateReason: null,
    addresses: [],
    nicAddresses: [],
    media: null,
    pending: [],
    running: {},
    snapshots: 0,
    agent: false,
    epoch: 1,
    assignedEpoch: 1,
    createdAt: now,
    modifiedAt: now,
    startedAt: null,
    stopAskedAt: null,
    stopUntil: null,
    restartedAt: null,
    revision: 1,
  } as const;
};

export const resourcesOf = ({ cores, memoryMiB, disks }: Pick<StoredInstance, "cores" | "memoryMiB" | "disks">) =>
  ({ cores, memoryMiB, storageGiB: gib(disks.reduce((sum, { sizeGiB }) => sum + sizeGiB, 0)) }) satisfies Resources;

/** Writes the decision and the row, which is the reservation, and tells of them. */
export const writeNew = async (
  { journal, registry, clock }: Pick<InstanceDeps, "journal" | "registry" | "clock">,
  trx: Write,
  { decision, instance, cloudInit }: { decision: Decision; instance: StoredInstance; cloudInit?: CloudInitSettings },
  context: RequestContext,
): Promise<void> => {
  await insertDecision(trx, decision);
  await insertInstance(trx, instance);
  if (cloudInit) await insertCloudInit(trx, instance.id, cloudInit);
  await journal.tell(trx, "instance.created", instance.id, factsOf(instance), context);
  // So that who is placed next in the same transaction knows of it. When that has ended, the sums are read again,
  // whether it was committed or not.
  const before = registry.find(instance.cell)?.usage ?? noUsage;
  const more = { ...noUsage, ...resourcesOf(instance), total: 1, states: { [instance.state]: 1 } };
  registry.setUsage(instance.cell, plusUsage(before, more), clock.monotonic());
};
