/** An instance as it is shown, and as its cell gets to know it. */
import type { Instance, InstanceSpec } from "@nano/contract";
import { macOfFirst, type StoredInstance } from "./store.ts";

export const toInstance = (
  stored: StoredInstance,
  cellName: string,
  copies: NonNullable<Instance["copies"]> = [],
): Instance => ({
  id: stored.id,
  name: stored.name,
  description: stored.description,
  pool: stored.pool,
  cell: stored.cell,
  cellName,
  state: stored.state,
  ...(stored.stateReason === null ? {} : { stateReason: stored.stateReason }),
  ...(copies.length === 0 ? {} : { copies }),
  cores: stored.cores,
  memoryMiB: stored.memoryMiB,
  disks: [...stored.disks],
  mac: macOfFirst(stored),
  nics: stored.nics.map((nic) => ({
    model: stored.settings.hardware.networkModel,
    ...nic,
    addresses: stored.nicAddresses.find(({ mac }) => mac === nic.mac)?.addresses ?? [],
  })),
  addresses: [...stored.addresses],
  ...(stored.media === null ? {} : { media: stored.media }),
  ...stored.settings,
  pending: [...stored.pending],
  ...(stored.pending.length === 0 ? {} : { running: stored.running }),
  snapshots: stored.snapshots,
  agent: stored.agent,
  autostart: stored.autostart,
  owner: stored.owner,
  ...(stored.decision === null ? {} : { decision: stored.decision }),
  ...(stored.task === null ? {} : { task: stored.task }),
  epoch: stored.epoch,
  createdAt: stored.createdAt,
  modifiedAt: stored.modifiedAt,
  ...(stored.startedAt === null ? {} : { startedAt: stored.startedAt }),
  revision: stored.revision,
});

/** What the domain's metadata says: enough to rebuild the row from the cell alone. */
export const toSpec = (stored: StoredInstance): InstanceSpec => ({
  id: stored.id,
  epoch: stored.epoch,
  name: stored.name,
  description: stored.description,
  pool: stored.pool,
  cores: stored.cores,
  memoryMiB: stored.memoryMiB,
  disks: [...stored.disks],
  mac: macOfFirst(stored),
  ...(stored.nics.length === 1 ? {} : { nics: [...stored.nics] }),
  ...stored.settings,
  autostart: stored.autostart,
  owner: stored.owner,
  createdAt: stored.createdAt,
});

/** What an event says of an instance. */
export const factsOf = (stored: StoredInstance): Record<string, string | number | boolean> => ({
  name: stored.name,
  pool: stored.pool,
  cell: stored.cell,
  state: stored.state,
});
