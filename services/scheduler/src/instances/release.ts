/** The end of an instance's record, and with it of everything that was reserved for it. */
import { type InstanceId, timestamp } from "@nano/contract";
import type { Cause } from "../events/journal.ts";
import type { InstanceDeps } from "./deps.ts";
import { deleteInstance, findInstance } from "./store.ts";

/**
 * Takes the row away and leaves a tombstone, so that a cell which still has something of it is told to remove that.
 * Harmless to repeat.
 */
export async function releaseInstance(
  deps: Pick<InstanceDeps, "journal" | "clock">,
  id: InstanceId,
  cause: Cause,
): Promise<void> {
  const { journal, clock } = deps;
  await journal.write(async (trx) => {
    const instance = await findInstance(trx, id);
    if (!instance) return;
    await deleteInstance(trx, instance, timestamp(clock.now()));
    const { name, pool, cell } = instance;
    await journal.tell(trx, "instance.deleted", id, { name, pool, cell }, cause);
  });
}
