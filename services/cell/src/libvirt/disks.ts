/** Disks of instances. */
import { type InstanceId, NanoError } from "@nano/contract";
import { type Connection, LibvirtError, type Volume } from "@nano/libvirt";
import type { DiskRequest } from "../hypervisor.ts";
import { readXml } from "../xml/read.ts";
import { childrenOf, find, textOf } from "../xml/tree.ts";
import { orNone, translated } from "./failure.ts";
import { diskVolume, fetchedVolume, isDiskVolume, markerOf, pathIn } from "./names.ts";
import type { Storage } from "./storage.ts";
import { diskXml } from "./volume-xml.ts";

const gibibyte = 2 ** 30;

export class Disks {
  readonly #connection: Connection;
  readonly #storage: Storage;

  constructor(connection: Connection, storage: Storage) {
    this.#connection = connection;
    this.#storage = storage;
  }

  /**
   * Makes a disk: an overlay when it has a base, so that it takes milliseconds whatever the image's size. When it is there already and is what was
   * asked for, that is success.
   */
  create(request: DiskRequest): Promise<void> {
    const name = diskVolume(request.id, request.disk);
    return translated(`creating disk ${name}`, async () => {
      const base = request.base === undefined ? undefined : await this.#basePath(request.base);
      const bytes = request.sizeGiB * gibibyte;
      const xml = diskXml(name, bytes, base);
      try {
        await this.#storage.pool.createVolume(xml);
      } catch (error) {
        if (!LibvirtError.is(error, "STORAGE_VOL_EXIST")) throw error;
        const existing = await this.#storage.pool.volumeByName(name);
        if (await isThat(existing, bytes, base)) return;
        // Left half-made by an attempt that was cut off; never something an instance could have written to.
        if (await orNone(this.#connection.domainByUuid(request.id)))
          throw new NanoError("hypervisor-failed", `Disk ${name} exists and is another than asked for`, {
            remedy: "Look at the volume on the cell; Nano does not replace a disk that belongs to an instance.",
          });
        await existing.delete();
        await this.#storage.pool.createVolume(xml);
      }
    });
  }

  /** @throws NanoError `hypervisor-failed` while the instance runs: libvirt would take the file from under it */
  delete(id: InstanceId, disk: string): Promise<void> {
    const name = diskVolume(id, disk);
    return translated(`deleting disk ${name}`, async () => {
      const domain = await orNone(this.#connection.domainByUuid(id));
      const inUse = domain && (await domain.isActive()) ? filesOf(await domain.getXMLDesc()) : [];
      if (inUse.some((file) => isDiskVolume(id, disk, file)))
        throw new NanoError("hypervisor-failed", `Disk ${name} belongs to a running instance`, {
          remedy: "Stop the instance first.",
        });
      for (const volume of await this.#storage.names())
        if (isDiskVolume(id, disk, volume)) await this.#storage.remove(volume);
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

/** Names of the files that the disks of this domain are. */
export const filesOf = (domainXml: string): string[] => {
  const devices = find(readXml(domainXml), "devices");
  const paths = devices ? childrenOf(devices, "disk").map((disk) => find(disk, "source")?.attributes.file ?? "") : [];
  return paths.map((path) => path.slice(path.lastIndexOf("/") + 1));
};

const isThat = async (volume: Volume, bytes: number, base: string | undefined): Promise<boolean> => {
  const root = readXml(await volume.getXMLDesc());
  return (
    Number(textOf(find(root, "capacity"))) === bytes &&
    find(root, "target", "format")?.attributes.type === "qcow2" &&
    textOf(find(root, "backingStore", "path")) === (base ?? "")
  );
};
