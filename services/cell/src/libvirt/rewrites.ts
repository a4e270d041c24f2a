/**
 * Disks written anew without what is empty in them, so that they take less room.
 *
 * Theory. libvirt copies the disk into a file of the next generation (qemu-img convert: zeros and what was discarded take no room). It would
 * copy the whole image into an overlay, whatever its XML says, so clones are refused. A second, tiny volume, the marker, says that the copy is whole. Neither is the disk: that is the file of the generation
 * the instance is defined with, and defining is atomic. So there is never a doubt about which file is good, whenever anything is killed; whatever
 * the definition does not name is rubbish that `discard` removes.
 */
import { type Disk, type InstanceId, NanoError } from "@nano/contract";
import type { FetchProgress } from "../hypervisor.ts";
import { bytes } from "../units.ts";
import { allocatedOf, copyTimeoutMs, markerBytes, removeCopy } from "./copies.ts";
import type { DiskChanges } from "./disk-changes.ts";
import { translated } from "./failure.ts";
import { diskVolume, isDiskVolume, markerOf } from "./names.ts";
import { requireNoSnapshots } from "./snapshots.ts";
import type { Storage } from "./storage.ts";
import { diskXml, fileXml } from "./volume-xml.ts";

export class Rewrites {
  readonly #disks: DiskChanges;
  readonly #storage: Storage;
  /** By the file that is being written: undefined while it goes on, then why it failed. */
  readonly #running = new Map<string, { failure?: NanoError }>();

  constructor(disks: DiskChanges, storage: Storage) {
    this.#disks = disks;
    this.#storage = storage;
  }

  /** Starts the one copy if there is none, and tells how far it is. A failure is told once. */
  rewrite(id: InstanceId, disk: Disk["name"], generation: number): Promise<FetchProgress> {
    return translated(`writing disk ${disk} of instance ${id} anew`, async () => {
      const { domain, found, volume } = await this.#disks.disk(id, disk);
      const file = diskVolume(id, disk, generation);
      const total = (await volume.getInfo()).allocation;
      const progress = (ready: boolean, done: number): FetchProgress => ({
        ready,
        bytesDone: bytes(ready ? total : Math.min(done, total)),
        bytesTotal: bytes(total),
      });
      if ((found.generation ?? 0) === generation) return progress(true, total);
      if (await domain.isActive())
        throw new NanoError("wrong-state", `Disk ${disk} of instance ${id} is in use`, { remedy: "Stop it first." });
      await requireNoSnapshots(domain, "Writing a disk anew");
      if (found.image)
        throw new NanoError("unsupported-by-cell", `Disk ${disk} of instance ${id} is a clone of ${found.image.name}`, {
          remedy: "Only disks that are no clones can be written anew.",
        });
      const running = this.#running.get(file);
      if (running?.failure) {
        this.#running.delete(file);
        throw running.failure;
      }
      if (running) return progress(false, await allocatedOf(this.#storage, file));
      if ((await this.#storage.volume(file)) && (await this.#storage.volume(markerOf(file))))
        return progress(true, total);
      // Left by a cell that was killed: half of a copy, or one that libvirt is still writing.
      if (!(await removeCopy(this.#storage, file))) return progress(false, await allocatedOf(this.#storage, file));
      const { capacity } = await volume.getInfo();
      const job: { failure?: NanoError } = {};
      this.#running.set(file, job);
      const work = async (): Promise<void> => {
        const xml = diskXml(file, capacity, undefined);
        await this.#storage.pool.createVolumeFrom(xml, volume, 0, { timeout: copyTimeoutMs });
        await this.#storage.pool.createVolume(fileXml(markerOf(file), markerBytes));
      };
      translated(`writing disk ${disk} of instance ${id} anew`, work).then(
        () => this.#running.delete(file),
        (error) => {
          job.failure = NanoError.from(error, `writing ${file}`);
        },
      );
      return progress(false, 0);
    });
  }

  /** Removes all files of the disk but the one that it is. */
  discard(id: InstanceId, disk: Disk["name"]): Promise<void> {
    return translated(`removing what is left of disk ${disk} of instance ${id}`, async () => {
      const { file } = await this.#disks.disk(id, disk);
      for (const name of await this.#storage.names()) {
        if (!isDiskVolume(id, disk, name) || name === file) continue;
        if (this.#running.has(name) && this.#running.get(name)?.failure === undefined)
          throw new NanoError("hypervisor-failed", `${name} is still being written`, {
            remedy: "Wait until libvirt has ended the copy; it cannot be interrupted.",
          });
        this.#running.delete(name);
        await this.#storage.remove(name);
      }
    });
  }
}
