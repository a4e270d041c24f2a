/**
 * The CD drives of running instances. What is inserted is so for this run only: the definition's drive stays empty, and
 * the record of the run says what is in it, so a cell that was killed finds it again and a run that ends leaves
 * nothing.
 */
import { allowedActions, type InstanceId, NanoError } from "@nano/contract";
import { Affect, type Domain, DomainDeviceModify, LibvirtError } from "@nano/libvirt";
import type { BootMedia } from "../hypervisor.ts";
import { readXml } from "../xml/read.ts";
import { childrenOf, type Element, element, find } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { translated } from "./failure.ts";
import { type Instances, requireFetched } from "./instances.ts";
import { fetchedVolume, pathIn } from "./names.ts";
import type { Storage } from "./storage.ts";

/** The user's drive is the first one; a seed for the system inside may have another. */
const driveOf = (domainXml: string): Element | undefined => {
  const devices = find(readXml(domainXml), "devices");
  return devices && childrenOf(devices, "disk").find(({ attributes }) => attributes.device === "cdrom");
};

/** The same drive with this file in it, or with none. Its boot order stays what it was at the start. */
export const driveWith = (drive: Element, file: string | undefined): string =>
  write({
    ...drive,
    children: [
      ...(file === undefined ? [] : [element("source", { file })]),
      ...drive.children.filter(
        (child) => typeof child !== "string" && child.name !== "source" && child.name !== "backingStore",
      ),
    ],
  });

/** A machine that is just starting may close the tray again while it is being opened: that is no lock. */
const changeTries = 4;
const changePauseMs = 500;

export class Drives {
  readonly #instances: Instances;
  readonly #storage: Storage;

  constructor(instances: Instances, storage: Storage) {
    this.#instances = instances;
    this.#storage = storage;
  }

  insert(id: InstanceId, media: BootMedia, force: boolean): Promise<void> {
    return translated(`inserting media into instance ${id}`, async () => {
      const domain = await this.#instances.known(id);
      if (!(await domain.isActive()))
        throw new NanoError("wrong-state", `Instance ${id} is not running`, {
          details: { state: "stopped", allowed: allowedActions("stopped") },
        });
      await requireFetched(this.#storage, media);
      await this.#change(domain, pathIn(this.#storage.path, fetchedVolume(media.sha256, "iso")), force);
      await this.#instances.record(id, (run) => ({ ...run, media }));
    });
  }

  eject(id: InstanceId, force: boolean): Promise<void> {
    return translated(`ejecting the media of instance ${id}`, async () => {
      const domain = await this.#instances.known(id);
      if (!(await domain.isActive())) return;
      await this.#change(domain, undefined, force);
      await this.#instances.record(id, ({ media: _, ...run }) => run);
    });
  }

  async #change(domain: Domain, file: string | undefined, force: boolean): Promise<void> {
    const drive = driveOf(await domain.getXMLDesc());
    if (!drive)
      throw new NanoError("unsupported-by-cell", `Instance ${domain.uuid} has no drive`, {
        remedy: "Start it anew: it gets a drive with its definition.",
      });
    if (find(drive, "source")?.attributes.file === file) return;
    const flags = Affect.live | (force ? DomainDeviceModify.force : 0);
    for (let triesLeft = changeTries; ; ) {
      try {
        return await domain.updateDevice(driveWith(drive, file), flags);
      } catch (error) {
        if (!(error instanceof LibvirtError) || !/locked|tray/i.test(error.message)) throw error;
        triesLeft--;
        if (/not open/i.test(error.message) && triesLeft > 0) {
          await Bun.sleep(changePauseMs);
          continue;
        }
        throw new NanoError("tray-locked", `The guest of instance ${domain.uuid} has locked its drive`, {
          details: { libvirt: error.message },
          cause: error,
        });
      }
    }
  }
}
