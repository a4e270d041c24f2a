/** Disks of instances. */
import { type InstanceId, NanoError } from "@nano/contract";
import { type Connection, LibvirtError, type Volume } from "@nano/libvirt";
import type { DiskRequest } from "../hypervisor.ts";
import { readXml } from "../xml/read.ts";
import { find, textOf } from "../xml/tree.ts";
import type { Copies } from "./copies.ts";
import { orNone, translated } from "./failure.ts";
import { filesOf, type Layers, pathsOf } from "./layers.ts";
import { diskVolume, fetchedVolume, isDiskVolume, markerOf, pathIn } from "./names.ts";
import type { Storage } from "./storage.ts";
import { diskXml } from "./volume-xml.ts";

const gibibyte = 2 ** 30;

export class Disks {
  readonly #connection: Connection;
  readonly #storage: Storage;
  readonly #layers: Layers;
  readonly #copies: Copies;

  constructor(connection: Connection, storage: Storage, layers: Layers, copies: Copies) {
    this.#connection = connection;
    this.#storage = storage;
    this.#layers = layers;
    this.#copies = copies;
  }

  /** Makes a disk: an overlay when it has a base, so that it takes milliseconds whatever the image's size. */
  create({ id, disk, sizeGiB, generation, base }: DiskRequest): Promise<void> {
    const name = diskVolume(id, disk, generation);
    return translated(`creating disk ${name}`, async () => {
      const path = base === undefined ? undefined : await this.#basePath(base);
      await this.lay(id, name, sizeGiB * gibibyte, path);
    });
  }

  /**
   * Makes a file of an instance, over another one or over nothing. When it is there already and is what was asked for,
   * that is success.
   */
  async lay(id: InstanceId, name: string, bytes: number, base: string | undefined): Promise<void> {
    const xml = diskXml(name, bytes, base);
    try {
      await this.#storage.pool.createVolume(xml);
    } catch (error) {
      if (!LibvirtError.is(error, "STORAGE_VOL_EXIST")) throw error;
      const existing = await this.#storage.pool.volumeByName(name);
      const frozen = await this.#layers.isFrozen(name);
      if (!frozen && (await isThat(existing, bytes, base))) return;
      // Left half-made by an attempt that was cut off; never something an instance, or anybody else's domain, could
      // have written to.
      if (frozen || (await orNone(this.#connection.domainByUuid(id))))
        throw new NanoError("hypervisor-failed", `Disk ${name} exists and is another than asked for`, {
          remedy: "Look at the volume on the cell; Nano does not replace a disk that belongs to an instance.",
        });
      await existing.delete();
      await this.#storage.pool.createVolume(xml);
    }
  }

  /**
   * Removes its files but those that linked clones lie over.
   * @throws NanoError `hypervisor-failed` while the instance runs: libvirt would take the file from under it
   */
  delete(id: InstanceId, disk: string): Promise<void> {
    const name = diskVolume(id, disk);
    return translated(`deleting disk ${name}`, async () => {
      const domain = await orNone(this.#connection.domainByUuid(id));
      const isOwn = this.#layers.isOwn(id);
      const xml = domain && (!isOwn || (await domain.isActive())) ? await domain.getXMLDesc() : undefined;
      // A domain that is not ours keeps what it is defined with, running or not.
      const inUse =
        xml === undefined ? [] : isOwn ? filesOf(xml) : pathsOf(xml).map((path) => this.#storage.fileAt(path));
      if (inUse.some((file) => file !== undefined && isDiskVolume(id, disk, file)))
        throw isOwn
          ? new NanoError("hypervisor-failed", `Disk ${name} belongs to a running instance`, {
              remedy: "Stop the instance first.",
            })
          : new NanoError("hypervisor-failed", `Disk ${name} belongs to a domain that is not this zone's`, {
              remedy: "Look at the domain on the host; Nano does not delete what belongs to another zone or a person.",
            });
      for (const file of await this.#storage.names())
        if (isDiskVolume(id, disk, file) && !(await this.#layers.isFrozen(file))) await this.#copies.remove(file);
      await this.#layers.collect();
    });
  }

  async #basePath(sha256: NonNullable<DiskRequest["base"]>): Promise<string> {
    const fetched = fetchedVolume(sha256, "qcow2");
    if (!(await this.#storage.volume(markerOf(fetched))))
      throw new NanoError("image-not-found", `This cell has not fetched the image ${sha256}`, {
        remedy: "Fetch it first with cell.volume.fetch.",
      });
    return pathIn(this.#storage.path, fetched);
  }
}

const isThat = async (volume: Volume, bytes: number, base: string | undefined): Promise<boolean> => {
  const root = readXml(await volume.getXMLDesc());
  return (
    Number(textOf(find(root, "capacity"))) === bytes &&
    find(root, "target", "format")?.attributes.type === "qcow2" &&
    textOf(find(root, "backingStore", "path")) === (base ?? "")
  );
};
