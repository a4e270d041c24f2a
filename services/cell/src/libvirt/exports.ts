/**
 * Disks on their way to become images.
 *
 * Theory. libvirt copies the disk (qemu-img convert) into a file of its own, named by the image: flattened, as the copy
 * is to have no backing file; without snapshots, as those are not of the active layer; without what is empty. A second,
 * tiny volume, the marker, says that the copy is whole, as it does for other files. The disk of a running guest is
 * copied as it is at one moment (see live-copies.ts). Then the copy goes to the image service, from its file where that
 * is on this machine, else out of libvirt, and is removed. Whoever is killed in between finds by file and marker how
 * far it was; a copy nobody asks for any more is collected when it is old.
 */
import { type Clock, type Disk, type ImageId, type InstanceId, type Log, NanoError } from "@nano/contract";
import type { Domain, Volume } from "@nano/libvirt";
import type { FetchProgress, UploadTarget } from "../hypervisor.ts";
import { bytes } from "../units.ts";
import { openLocalFile } from "../volumes/local-file.ts";
import { type Outgoing, Sender } from "../volumes/sender.ts";
import { readXml } from "../xml/read.ts";
import { find, textOf } from "../xml/tree.ts";
import { allocatedOf, copyTimeoutMs, removeCopy } from "./copies.ts";
import type { DiskChanges } from "./disk-changes.ts";
import { orNone, translated } from "./failure.ts";
import type { Layers } from "./layers.ts";
import { awaitLiveCopy, beginLiveCopy, endLiveCopy, type LiveCopy, runningBackup } from "./live-copies.ts";
import { exportVolume, isExportVolume, markerOf, pathIn } from "./names.ts";
import type { Storage } from "./storage.ts";
import { diskXml, fileXml, markerBytes } from "./volume-xml.ts";

export interface ExportsOptions {
  readonly disks: Pick<DiskChanges, "disk" | "liveTarget">;
  readonly layers: Pick<Layers, "under">;
  readonly storage: Storage;
  /** Whether libvirt runs on the machine we run on. */
  readonly local: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** A copy that was not written to for longer is nobody's: tasks end before that. */
const forgottenMs = 72 * 3_600_000;

interface Copy {
  readonly total: number;
  /** QEMU's own backup job, which tells how far it is, and can be ended. */
  readonly live?: LiveCopy;
  bytesDone: number;
  ended: Promise<void>;
  /** Ended before it had begun. */
  unwanted?: true;
  failure?: NanoError;
}

export class Exports {
  readonly #options: ExportsOptions;
  readonly #sender = new Sender();
  /** Those that go on, and those that failed and were not asked after yet. */
  readonly #copies = new Map<ImageId, Copy>();

  constructor(options: ExportsOptions) {
    this.#options = options;
  }

  /** See `Hypervisor.copyExport`. */
  copy(id: InstanceId, disk: Disk["name"], image: ImageId): Promise<FetchProgress> {
    const doing = `copying disk ${disk} of instance ${id}`;
    return translated(doing, async () => {
      const { storage, disks } = this.#options;
      const file = exportVolume(image);
      const running = this.#copies.get(image);
      if (running?.failure) {
        this.#copies.delete(image);
        throw running.failure;
      }
      if (running)
        return progressOf(running.live ? running.bytesDone : await allocatedOf(storage, file), running.total);
      const done = await this.#whole(image);
      if (done) return progressOf(done.bytes, done.bytes, true);
      const { domain, volume } = await disks.disk(id, disk);
      const source = await this.#measure(volume);
      const live = await this.#liveCopy(id, disk, domain, file);
      // Left by a cell that was killed: half of a copy, or one that libvirt is still writing.
      if (!live?.running && !(await removeCopy(storage, file)))
        return progressOf(await allocatedOf(storage, file), source.bytes);
      await this.#requireRoom(source.bytes);
      const copy: Copy = {
        total: live ? source.capacity : source.bytes,
        bytesDone: 0,
        ended: Promise.resolve(),
        ...(live ? { live } : {}),
      };
      this.#copies.set(image, copy);
      const work = async (): Promise<void> => {
        if (live) {
          await beginLiveCopy(live);
          if (copy.unwanted) await endLiveCopy(live);
          await awaitLiveCopy(live, (bytes) => {
            copy.bytesDone = bytes;
          });
          await storage.refresh();
        } else {
          const xml = diskXml(file, source.capacity, undefined);
          await storage.pool.createVolumeFrom(xml, volume, 0, { timeout: copyTimeoutMs });
        }
        await storage.pool.createVolume(fileXml(markerOf(file), markerBytes));
      };
      copy.ended = translated(doing, work).then(
        () => void this.#copies.delete(image),
        async (error) => {
          await removeCopy(storage, file).catch(() => {});
          copy.failure = NanoError.from(error, doing);
        },
      );
      return progressOf(0, source.bytes);
    });
  }

  /** See `Hypervisor.sendExport`. */
  send(image: ImageId, target: UploadTarget | undefined): Promise<FetchProgress> {
    return translated(`sending the copy of a disk as image ${image}`, async () => {
      const file = await this.#whole(image);
      if (!file)
        throw new NanoError("disk-missing", `There is no copy for image ${image}`, {
          remedy: "Export the disk again.",
          details: { file: exportVolume(image) },
        });
      return this.#sender.send(image, file, target);
    });
  }

  /** See `Hypervisor.endExport`. */
  end(image: ImageId): Promise<void> {
    return translated(`removing the copy for image ${image}`, async () => {
      await this.#sender.end(image);
      const running = this.#copies.get(image);
      if (running?.live && !running.failure) {
        running.unwanted = true;
        await endLiveCopy(running.live);
        await running.ended;
      }
      const left = this.#copies.get(image);
      if ((left && !left.failure) || !(await removeCopy(this.#options.storage, exportVolume(image))))
        throw new NanoError("hypervisor-failed", `The copy for image ${image} is still being written`, {
          remedy: "Wait until libvirt has ended the copy; it cannot be interrupted.",
        });
      this.#copies.delete(image);
    });
  }

  /** Removes copies nobody has asked for in a long time: whoever wanted them is gone. */
  async tidy(): Promise<void> {
    const { storage, clock, log } = this.#options;
    for (const name of await storage.names()) {
      if (!isExportVolume(name)) continue;
      const xml = await orNone((await storage.volume(name))?.getXMLDesc() ?? Promise.resolve(undefined));
      const writtenAt = Number(
        textOf(xml === undefined ? undefined : find(readXml(xml), "target", "timestamps", "mtime")),
      );
      if (!(clock.now() - writtenAt * 1_000 > forgottenMs)) continue;
      log.info("Removing a copy of a disk that nobody fetched", { volume: name });
      await storage.remove(name);
    }
  }

  stop(): Promise<void> {
    return this.#sender.stop();
  }

  /** How to copy it while its instance runs, and whether that goes on already; undefined when it is off. */
  async #liveCopy(id: InstanceId, disk: Disk["name"], domain: Domain, file: string) {
    if (!(await domain.isActive())) return undefined;
    const target = await this.#options.disks.liveTarget(id, disk);
    if (target === undefined)
      throw new NanoError("wrong-state", `The running instance ${id} does not have disk ${disk} yet`, {
        remedy: "Start it anew, then export the disk.",
      });
    const copy: LiveCopy = { domain, target, into: pathIn(this.#options.storage.path, file) };
    return { ...copy, running: (await runningBackup(domain)) === copy.into };
  }

  /** The copy, once it is whole. */
  async #whole(image: ImageId): Promise<Outgoing | undefined> {
    const { storage, local } = this.#options;
    const file = exportVolume(image);
    const [volume, marker] = await Promise.all([storage.volume(file), storage.volume(markerOf(file))]);
    if (!volume || !marker) return undefined;
    const bytes = await lengthOf(volume);
    return {
      bytes,
      open: async (signal) =>
        (local ? await openLocalFile(pathIn(storage.path, file), bytes) : undefined) ??
        (await translated(`reading ${file}`, () => volume.download({ signal }))),
    };
  }

  /** How large the disk is, and what its copy takes at most: what was written to it and to all that it lies over. */
  async #measure(volume: Volume): Promise<{ capacity: number; bytes: number }> {
    const { capacity, allocation } = await volume.getInfo();
    let below = 0;
    for (const ground of await this.#options.layers.under(volume.name)) below += (await ground.getInfo()).allocation;
    return { capacity, bytes: Math.min(capacity, allocation + below) };
  }

  /** @throws NanoError `disk-full` */
  async #requireRoom(needed: number): Promise<void> {
    const promised = [...this.#copies.values()].reduce((sum, { total, failure }) => sum + (failure ? 0 : total), 0);
    const { available } = await this.#options.storage.figures();
    const free = Math.max(0, available - promised);
    if (free >= needed) return;
    throw new NanoError("disk-full", `The cell's storage has ${free} bytes left, the copy needs up to ${needed}`, {
      details: { availableBytes: free, neededBytes: needed },
    });
  }
}

const progressOf = (done: number, total: number, ready = false): FetchProgress => ({
  ready,
  bytesDone: bytes(Math.min(done, total)),
  bytesTotal: bytes(total),
});

/** The length of its file, which is neither its capacity nor what it allocates. */
const lengthOf = async (volume: Volume): Promise<number> =>
  Number(textOf(find(readXml(await volume.getXMLDesc()), "physical")));
