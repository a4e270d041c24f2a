/** The files that were fetched from the image service, and those who need them. */
import { type Clock, type Disk, type InstanceId, type Log, NanoError } from "@nano/contract";
import type { BootMedia, DiskRequest } from "../hypervisor.ts";
import { Fetcher } from "../volumes/fetcher.ts";
import { Ledger } from "../volumes/ledger.ts";
import { Upkeep, type UpkeepPolicy, usualPolicy } from "../volumes/upkeep.ts";
import type { Instances } from "./instances.ts";
import type { Layers } from "./layers.ts";
import { diskVolume, fetchedVolume } from "./names.ts";
import type { Storage } from "./storage.ts";
import { fileNames, volumeStore } from "./volume-store.ts";

export interface FetchedFilesOptions {
  readonly storage: Storage;
  readonly layers: Pick<Layers, "under" | "filesInUse">;
  readonly instances: Pick<Instances, "specified">;
  readonly clock: Clock;
  readonly log: Log;
  readonly policy: Partial<UpkeepPolicy> | undefined;
}

export class FetchedFiles {
  readonly upkeep: Upkeep;
  readonly #options: FetchedFilesOptions;
  readonly #fetcher: Fetcher;

  constructor(options: FetchedFilesOptions) {
    const { storage, layers, clock, log } = options;
    const store = volumeStore(storage, layers);
    const parts = { store, names: fileNames, clock, log, ledger: new Ledger(store, fileNames, clock) };
    this.#options = options;
    this.#fetcher = new Fetcher(parts);
    this.upkeep = new Upkeep({ ...parts, fetcher: this.#fetcher, policy: { ...usualPolicy, ...options.policy } });
  }

  async stop(): Promise<void> {
    await Promise.all([this.upkeep.stop(), this.#fetcher.stop()]);
  }

  /** A disk is about to be laid over it, if it has a base. */
  async holdBase({ base }: Pick<DiskRequest, "base">): Promise<void> {
    if (base !== undefined) await this.#fetcher.hold(fetchedVolume(base, "qcow2"));
  }

  /** It is about to be put into a drive, if there is one. */
  async holdMedia(media: Pick<BootMedia, "sha256"> | undefined): Promise<void> {
    if (media) await this.#fetcher.hold(fetchedVolume(media.sha256, "iso"));
  }

  /**
   * An instance is about to start.
   * @throws NanoError `hypervisor-failed` while a file that its disks lie over is being fetched again: it would read half of it
   */
  async requireGround(id: InstanceId): Promise<void> {
    if (this.#fetcher.idle) return;
    const { spec } = await this.#options.instances.specified(id);
    for (const disk of spec.disks) await this.#requireWhole(id, disk);
  }

  async #requireWhole(id: InstanceId, { name, generation }: Disk): Promise<void> {
    for (const ground of await this.#options.layers.under(diskVolume(id, name, generation)))
      if (this.#fetcher.isFetching(ground.name))
        throw new NanoError(
          "hypervisor-failed",
          `The image that disk ${name} of instance ${id} lies over is being fetched`,
          {
            remedy: "Start the instance when the image is there; the cell's page shows how far it is.",
            details: { disk: name, file: ground.name },
          },
        );
  }
}
