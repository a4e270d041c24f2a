/**
 * Disks written anew without what is empty in them, so that they take less room.
 *
 * Theory. The copy (copies.ts) goes into a file of the next generation. It would take in whatever the disk lies over,
 * so clones are refused. The disk is the file of the generation the instance is defined with, and defining is atomic;
 * whatever the definition does not name is rubbish that `discard` removes, unless it is frozen (layers.ts).
 */
import { type Disk, groundOf, type InstanceId, NanoError } from "@nano/contract";
import type { FetchProgress } from "../hypervisor.ts";
import { type Copies, copyProgress } from "./copies.ts";
import type { DiskChanges } from "./disk-changes.ts";
import { translated } from "./failure.ts";
import type { Layers } from "./layers.ts";
import { diskVolume, isDiskVolume } from "./names.ts";
import { requireNoSnapshots } from "./snapshots.ts";
import type { Storage } from "./storage.ts";

export class Rewrites {
  readonly #disks: DiskChanges;
  readonly #storage: Storage;
  readonly #layers: Layers;
  readonly #copies: Copies;

  constructor(disks: DiskChanges, storage: Storage, layers: Layers, copies: Copies) {
    this.#disks = disks;
    this.#storage = storage;
    this.#layers = layers;
    this.#copies = copies;
  }

  /** Starts the one copy if there is none, and tells how far it is. A failure is told once. */
  rewrite(id: InstanceId, disk: Disk["name"], generation: number): Promise<FetchProgress> {
    const doing = `writing disk ${disk} of instance ${id} anew`;
    return translated(doing, async () => {
      const { domain, found, file: present, volume } = await this.#disks.disk(id, disk);
      const total = (await volume.getInfo()).allocation;
      if ((found.generation ?? 0) === generation) return copyProgress(true, total, total);
      if (await domain.isActive())
        throw new NanoError("wrong-state", `Disk ${disk} of instance ${id} is in use`, { remedy: "Stop it first." });
      await requireNoSnapshots(domain, "rewrite a disk");
      const [ground] = await this.#layers.under(present);
      if (ground)
        throw new NanoError(
          "unsupported-by-cell",
          `Disk ${disk} of instance ${id} lies over ${groundOf(found) ?? ground.name}`,
          { remedy: "Only disks that are no clones can be written anew; a full clone of the instance can." },
        );
      return this.#copies.into({ file: diskVolume(id, disk, generation), source: volume, total, doing });
    });
  }

  /** Removes all files of the disk but the one that it is, and those that others lie over. */
  discard(id: InstanceId, disk: Disk["name"]): Promise<void> {
    return translated(`removing what is left of disk ${disk} of instance ${id}`, async () => {
      const { file } = await this.#disks.disk(id, disk);
      for (const name of await this.#storage.names()) {
        if (!isDiskVolume(id, disk, name) || name === file || (await this.#layers.isFrozen(name))) continue;
        await this.#copies.remove(name);
      }
      await this.#layers.collect();
    });
  }
}
