/** The disks of clones: copied, or laid over files that are frozen for that (see layers.ts). */
import { type Disk, type InstanceId, NanoError } from "@nano/contract";
import type { Domain } from "@nano/libvirt";
import { type FetchProgress, layersAtMost } from "../hypervisor.ts";
import type { Copies } from "./copies.ts";
import type { DiskChanges } from "./disk-changes.ts";
import type { Disks } from "./disks.ts";
import { translated } from "./failure.ts";
import type { Instances } from "./instances.ts";
import type { Layers } from "./layers.ts";
import { diskVolume, pathIn } from "./names.ts";
import { requireNoSnapshots } from "./snapshots.ts";
import type { Storage } from "./storage.ts";

const gibibyte = 2 ** 30;

export interface CloneParts {
  readonly instances: Instances;
  readonly storage: Storage;
  readonly disks: Disks;
  readonly changes: DiskChanges;
  readonly layers: Layers;
  readonly copies: Copies;
}

export class Clones {
  readonly #parts: CloneParts;

  constructor(parts: CloneParts) {
    this.#parts = parts;
  }

  /** Starts the one copy of a disk of `from` if there is none, and tells how far it is. Snapshots are not copied. */
  copy(id: InstanceId, disk: Disk["name"], from: InstanceId): Promise<FetchProgress> {
    const doing = `copying disk ${disk} of instance ${from} for ${id}`;
    return translated(doing, async () => {
      const { changes, copies, layers } = this.#parts;
      const { domain, volume, file } = await changes.disk(from, disk);
      await requireOff(domain, from);
      const all = [volume, ...(await layers.under(file))];
      const sizes = await Promise.all(all.map(async (each) => (await each.getInfo()).allocation));
      const total = sizes.reduce((sum, size) => sum + size, 0);
      return copies.into({ file: diskVolume(id, disk), source: volume, total, doing });
    });
  }

  /**
   * Lays the disks of `to` over those of an instance, and its own next files too. If it has written nothing since the
   * last time, those of `to` lie over the same frozen files as its own, which stay. @returns whether its present files
   * were frozen: then it is to be defined with its next ones
   */
  link(id: InstanceId, generation: number, to: InstanceId): Promise<boolean> {
    return translated(`linking the disks of instance ${to} to those of ${id}`, async () => {
      const { instances, storage, disks, changes, layers } = this.#parts;
      const { domain, spec } = await instances.specified(id);
      await requireOff(domain, id);
      await requireNoSnapshots(domain, "make linked clones of it");
      // How large files are is what libvirt saw when it looked last.
      await storage.refresh();
      const all = await Promise.all(
        spec.disks.map(async ({ name, sizeGiB }) => {
          const { file } = await changes.disk(id, name);
          return { name, bytes: sizeGiB * gibibyte, file, ground: (await layers.untouchedGround(file))?.name };
        }),
      );
      const freezes = all.some(({ ground }) => ground === undefined);
      if (freezes) for (const { file } of all) await this.#requireShallow(id, file);
      for (const { name, bytes, file, ground = file } of all) {
        const lay = (of: InstanceId, next: string, over: string) =>
          disks.lay(of, next, bytes, pathIn(storage.path, over));
        if (freezes) await lay(id, diskVolume(id, name, generation), file);
        await lay(to, diskVolume(to, name), freezes ? file : ground);
        if (freezes) await layers.freeze(file);
      }
      return freezes;
    });
  }

  async #requireShallow(id: InstanceId, file: string): Promise<void> {
    const depth = await this.#parts.layers.depth(file);
    if (depth < layersAtMost) return;
    throw new NanoError("limit-reached", `${file} of instance ${id} lies over ${depth} frozen files already`, {
      remedy: "Make a full clone: it lies over none, and can be the source of linked ones again.",
      details: { layers: depth, most: layersAtMost },
    });
  }
}

const requireOff = async (domain: Domain, id: InstanceId): Promise<void> => {
  if (!(await domain.isActive())) return;
  throw new NanoError("wrong-state", `Instance ${id} is running: its disks change`, { remedy: "Stop it first." });
};
