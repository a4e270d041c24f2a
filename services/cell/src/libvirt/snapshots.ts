/**
 * Snapshots of instances: libvirt's internal ones, inside the disks' own files. libvirt keeps the tree, so that it
 * outlives this service and libvirtd, and merges what is deleted. See docs/adr/0008-internal-snapshots.md.
 */
import {
  type Clock,
  fits,
  type InstanceId,
  type InstanceSpec,
  NanoError,
  type Snapshot,
  type SnapshotId,
  SnapshotIdSchema,
  snapshotHold,
} from "@nano/contract";
import { type Domain, type DomainSnapshot, LibvirtError } from "@nano/libvirt";
import type { SnapshotRequest } from "../hypervisor.ts";
import { readXml } from "../xml/read.ts";
import { find, textOf } from "../xml/tree.ts";
import { orNone, translated } from "./failure.ts";
import type { Instances } from "./instances.ts";
import { dropSnapshot, keepDisks } from "./live-disks.ts";
import { readSnapshot, snapshotXml } from "./snapshot-xml.ts";
import type { Storage } from "./storage.ts";

export interface SnapshotsOptions {
  readonly instances: Pick<Instances, "known" | "define" | "resumed">;
  readonly storage: Pick<Storage, "figures">;
  readonly clock: Clock;
}

const gibibyte = 2 ** 30;
/**
 * How much of the storage is to stay free for what instances write: a snapshot takes no space itself, but makes them
 * need it.
 */
const keptFree = 0.05;
const keptFreeAtMost = 10 * gibibyte;

/** How many of ours it has. */
export const countSnapshots = async (domain: Domain): Promise<number> =>
  (await domain.listSnapshots()).filter(({ name }) => fits(SnapshotIdSchema, name)).length;

/**
 * For whatever would change the number or size of disks: snapshots hold them as they are.
 * @param aim like "grow a disk"
 * @throws NanoError `has-snapshots`
 */
export const requireNoSnapshots = async (domain: Domain, aim: string): Promise<void> => {
  const count = (await domain.listSnapshots()).length;
  if (count > 0)
    throw new NanoError("has-snapshots", `Delete the instance's snapshots (${count}) to ${aim}`, {
      details: { snapshots: count },
    });
};

/**
 * For whatever would change the machine that a snapshot's memory belongs to.
 * @throws NanoError `has-snapshots`
 */
export const requireNoMemorySnapshots = async (domain: Domain, aim: string): Promise<void> => {
  const [holding] = (await listOf(domain)).filter(({ memory }) => memory);
  if (holding)
    throw new NanoError("has-snapshots", `Delete the snapshot ${holding.name}, which holds memory, to ${aim}`, {
      remedy: "Delete its snapshots with memory first.",
      details: { snapshot: holding.id },
    });
};

export class Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  list(id: InstanceId): Promise<Snapshot[]> {
    return translated(`listing the snapshots of instance ${id}`, async () =>
      listOf(await this.#options.instances.known(id)),
    );
  }

  create(id: InstanceId, request: SnapshotRequest): Promise<void> {
    return translated(`taking a snapshot of instance ${id}`, async () => {
      const domain = await this.#options.instances.known(id);
      if (await snapshotOf(domain, request.id)) return;
      await refuseFirmware(domain);
      const running = await domain.isActive();
      if (request.memory && !running)
        throw new NanoError("wrong-state", `Instance ${id} is off: it has no memory to keep`, {
          remedy: "Take the snapshot without memory.",
          details: { state: "stopped" },
        });
      const memory = request.memory ? await memoryOf(domain) : 0;
      await this.#refuseFullStorage(memory);
      if (!running || request.memory)
        await domain.createSnapshot(snapshotXml(request, running), 0, { timeout: patienceMs }).catch(async (error) => {
          // QEMU calls it an I/O error when the storage runs full under it.
          await this.#refuseFullStorage(memory);
          throw error;
        });
      else await keepDisks(domain, request, await currentOf(domain), Math.floor(this.#options.clock.now() / 1_000));
    });
  }

  restore(spec: InstanceSpec, id: SnapshotId): Promise<void> {
    return translated(`restoring a snapshot of instance ${spec.id}`, async () => {
      const { instances } = this.#options;
      const domain = await instances.known(spec.id);
      const snapshot = await snapshotOf(domain, id);
      if (!snapshot)
        throw new NanoError("snapshot-not-found", `Instance ${spec.id} has no snapshot ${id}`, {
          details: { snapshot: id },
        });
      if (await domain.isActive()) await domain.destroy();
      await snapshot.revert();
      // libvirt has put back the definition of then: what people chose since stays chosen.
      await instances.define(spec);
      await instances.resumed(spec.id);
    });
  }

  remove(id: InstanceId, snapshot: SnapshotId, force: boolean): Promise<void> {
    return translated(`deleting a snapshot of instance ${id}`, async () => {
      const domain = await this.#options.instances.known(id);
      const handle = await snapshotOf(domain, snapshot);
      if (!handle) return;
      const all = force ? [] : await listOf(domain);
      const listed = all.find((each) => each.id === snapshot);
      const hold = listed && snapshotHold(listed, all);
      if (hold !== undefined)
        throw new NanoError("snapshot-in-use", `The snapshot ${listed?.name} cannot be deleted: ${hold}`, {
          details: { snapshot },
        });
      if (await domain.isActive()) await dropSnapshot(domain, snapshot, handle);
      else await handle.delete();
    });
  }

  /** @throws NanoError `disk-full` with numbers */
  async #refuseFullStorage(memoryBytes: number): Promise<void> {
    const { capacity, available } = await this.#options.storage.figures();
    const needed = Math.floor(memoryBytes + Math.min(keptFreeAtMost, keptFree * capacity));
    if (available >= needed) return;
    throw new NanoError(
      "disk-full",
      `The cell's storage has ${available} of ${capacity} bytes left; for a snapshot ${needed} are to be free`,
      { details: { availableBytes: available, neededBytes: needed } },
    );
  }
}

/** Keeping the memory of a large instance takes minutes on a slow disk. */
const patienceMs = 3_600_000;

const snapshotOf = async (domain: Domain, id: SnapshotId): Promise<DomainSnapshot | undefined> => {
  try {
    return await domain.snapshotByName(id);
  } catch (error) {
    if (LibvirtError.is(error, "NO_DOMAIN_SNAPSHOT")) return undefined;
    throw error;
  }
};

const currentOf = async (domain: Domain): Promise<string | undefined> => {
  try {
    return (await domain.currentSnapshot()).name;
  } catch (error) {
    if (LibvirtError.is(error, "NO_DOMAIN_SNAPSHOT")) return undefined;
    throw error;
  }
};

const listOf = async (domain: Domain): Promise<Snapshot[]> => {
  const [handles, current] = await Promise.all([domain.listSnapshots(), currentOf(domain)]);
  const read = await Promise.all(
    handles.map(async (handle) => {
      const xml = await orNone(handle.getXMLDesc());
      return xml === undefined ? undefined : readSnapshot(xml, current);
    }),
  );
  // Ids grow with time, which libvirt knows to the second only.
  return read.filter((each) => each !== undefined).sort((a, b) => (a.id < b.id ? -1 : 1));
};

const memoryOf = async (domain: Domain): Promise<number> => (await domain.getInfo()).memory * 1_024;

/** @throws NanoError `unsupported-by-cell` */
const refuseFirmware = async (domain: Domain): Promise<void> => {
  const os = find(readXml(await domain.getXMLDesc()), "os");
  if (os?.attributes.firmware !== "efi" && find(os, "loader")?.attributes.type !== "pflash") return;
  throw new NanoError(
    "unsupported-by-cell",
    "An instance with UEFI firmware has no snapshots here: libvirt cannot keep the firmware's own memory with them",
    { remedy: "Stop the instance and clone it instead.", details: { firmware: textOf(find(os, "loader")) || "efi" } },
  );
};
