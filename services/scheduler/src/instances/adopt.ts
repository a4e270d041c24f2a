/** Taking an instance into the records that only its cell knows: the row is made from the record in its domain. */
import {
  type CellId,
  NanoError,
  nicsOf,
  type Observed,
  type PoolName,
  readTimestamp,
  settingsOf,
  timestamp,
} from "@nano/contract";
import type { Cause, Write } from "../events/journal.ts";
import type { InstanceDeps } from "./deps.ts";
import { observe } from "./observe.ts";
import { findInstanceByName, insertInstance, macIsTaken, type StoredInstance } from "./store.ts";
import { factsOf } from "./view.ts";

/**
 * @param epoch the newest that is known of it
 * @throws NanoError `in-use` when the address of one of its network interfaces is another instance's
 */
export async function adopt(
  deps: Pick<InstanceDeps, "journal" | "clock">,
  trx: Write,
  { cell, pool }: { readonly cell: CellId; readonly pool: PoolName },
  observed: Observed,
  epoch: number,
  cause?: Cause,
): Promise<StoredInstance> {
  const { journal, clock } = deps;
  const { spec } = observed;
  const now = timestamp(clock.now());
  for (const { mac } of nicsOf(spec))
    if (await macIsTaken(trx, mac))
      throw new NanoError("in-use", `The address ${mac} of its network interface is another instance's`, {
        details: { mac },
        remedy: "Give the other instance another address, or remove this one.",
      });
  const taken = await findInstanceByName(trx, spec.name);
  const bare: StoredInstance = {
    id: observed.id,
    name: taken ? `${spec.name.slice(0, 54)}-${observed.id.slice(-8)}` : spec.name,
    description: spec.description,
    pool,
    cell,
    state: "stopped",
    stateReason: null,
    cores: spec.cores,
    memoryMiB: spec.memoryMiB,
    disks: spec.disks,
    nics: nicsOf(spec),
    addresses: [],
    nicAddresses: [],
    media: null,
    autostart: spec.autostart,
    settings: settingsOf(spec),
    pending: [],
    running: {},
    snapshots: 0,
    agent: false,
    owner: spec.owner,
    decision: null,
    task: null,
    epoch,
    // A cell's word is all there is.
    assignedEpoch: 0,
    createdAt: readTimestamp(spec.createdAt) ?? now,
    modifiedAt: now,
    startedAt: null,
    stopAskedAt: null,
    stopUntil: null,
    restartedAt: null,
    revision: 1,
  };
  const adopted = { ...bare, ...observe(bare, observed, clock.now()) };
  await insertInstance(trx, adopted);
  await journal.tell(trx, "instance.created", adopted.id, factsOf(adopted), cause);
  return adopted;
}
