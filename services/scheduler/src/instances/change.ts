/** Changing an instance's row: read, change, write and tell, in one transaction. */
import { type InstanceId, NanoError, timestamp } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Cause, Journal, Write } from "../events/journal.ts";
import { findInstance, type StoredInstance, saveInstance } from "./store.ts";
import { factsOf } from "./view.ts";

export type Changes = Partial<Omit<StoredInstance, "id" | "revision" | "modifiedAt" | "createdAt">>;

/** @throws NanoError `instance-not-found` */
export async function requireInstance(db: Kysely<Database>, id: InstanceId): Promise<StoredInstance> {
  const instance = await findInstance(db, id);
  if (!instance) throw new NanoError("instance-not-found", `There is no instance ${id}`, { details: { id } });
  return instance;
}

/** Writes the changes, if they change anything. @returns the instance as it is now */
export async function changeInstance(
  deps: { journal: Journal; clock: { now(): number } },
  trx: Write,
  instance: StoredInstance,
  changes: Changes,
  cause?: Cause,
): Promise<StoredInstance> {
  const after = { ...instance, ...changes };
  if (Bun.deepEquals(after, instance)) return instance;
  const changed = { ...after, modifiedAt: timestamp(deps.clock.now()), revision: instance.revision + 1 };
  await saveInstance(trx, changed);
  await deps.journal.tell(trx, "instance.changed", instance.id, factsOf(changed), cause);
  return changed;
}
