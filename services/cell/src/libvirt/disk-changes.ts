/** Disks of instances that exist: measured, grown, given to a running guest and taken from it. */
import { type Disk, type InstanceId, NanoError } from "@nano/contract";
import { Affect, type Domain, LibvirtError, type Volume } from "@nano/libvirt";
import type { MeasuredDisk } from "../hypervisor.ts";
import { bytes, gib } from "../units.ts";
import { readXml } from "../xml/read.ts";
import { childrenOf, type Element, find } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { diskElement } from "./domain-xml.ts";
import { orNone, translated } from "./failure.ts";
import { diskMissing, type Instances } from "./instances.ts";
import type { Layers } from "./layers.ts";
import { diskVolume, fileOf, isDiskVolume } from "./names.ts";
import { requireNoSnapshots } from "./snapshots.ts";
import type { Storage } from "./storage.ts";
import { unplug } from "./unplug.ts";

const gibibyte = 2 ** 30;

export class DiskChanges {
  readonly #instances: Instances;
  readonly #storage: Storage;
  readonly #layers: Layers;

  constructor(instances: Instances, storage: Storage, layers: Layers) {
    this.#instances = instances;
    this.#storage = storage;
    this.#layers = layers;
  }

  list(id: InstanceId): Promise<MeasuredDisk[]> {
    return translated(`measuring the disks of instance ${id}`, async () => {
      const { spec } = await this.#instances.specified(id);
      const isShared = spec.disks.some(({ backing }) => backing === "shared")
        ? await this.#layers.sharing()
        : () => undefined;
      const measured = await Promise.all(
        spec.disks.map(async ({ name, generation, backing }) => {
          const file = diskVolume(id, name, generation);
          const volume = await this.#find(file);
          const info = volume && (await existing(volume.getInfo()));
          const shared = backing === "shared" ? isShared(file) : undefined;
          return (
            info && {
              name,
              capacityBytes: bytes(info.capacity),
              allocatedBytes: bytes(info.allocation),
              ...(shared === undefined ? {} : { shared }),
            }
          );
        }),
      );
      return measured.filter((each) => each !== undefined);
    });
  }

  /** Does nothing when it has that size or more: a disk is never made smaller. */
  grow(id: InstanceId, disk: Disk["name"], sizeGiB: number): Promise<void> {
    return translated(`growing disk ${disk} of instance ${id}`, async () => {
      const { domain, found, volume, file } = await this.disk(id, disk);
      await requireNoSnapshots(domain, "grow a disk");
      const info = await existing(volume.getInfo());
      if (!info) throw diskMissing(id, disk, file);
      const wanted = Math.max(sizeGiB * gibibyte, info.capacity);
      const live = await this.#live(domain, id, disk);
      const target = live && find(live, "target")?.attributes.dev;
      if (info.capacity < wanted) {
        if (target === undefined) await volume.resize(wanted);
        else await domain.blockResize(target, wanted);
      }
      if (live) await this.#note(id, domain, { ...found, sizeGiB: gib(wanted / gibibyte) });
    });
  }

  attach(id: InstanceId, disk: Disk["name"]): Promise<void> {
    return translated(`attaching disk ${disk} to instance ${id}`, async () => {
      const { spec, host, domain } = await this.#instances.specified(id);
      await requireNoSnapshots(domain, "add a disk");
      if (!(await domain.isActive())) return;
      const wanted = spec.disks.find(({ name }) => name === disk);
      if (!wanted) throw diskNotFound(id, disk);
      const all = await this.#liveDisks(domain);
      if (all.some((each) => isDiskVolume(id, disk, sourceOf(each)))) return this.#note(id, domain, wanted);
      const taken = new Set(all.map((each) => find(each, "target")?.attributes.dev));
      const target = targetsLike(spec.hardware?.diskBus ?? "virtio").find((name) => !taken.has(name));
      if (target === undefined)
        throw new NanoError("hypervisor-failed", `Instance ${id} has no name left for another disk`);
      await domain.attachDevice(write(diskElement({ spec, host }, wanted, target)), Affect.live);
      await this.#note(id, domain, wanted);
    });
  }

  /** @throws NanoError `in-use` when the guest does not let go of it */
  detach(id: InstanceId, disk: Disk["name"]): Promise<void> {
    return translated(`detaching disk ${disk} from instance ${id}`, async () => {
      const { domain } = await this.#instances.specified(id);
      await requireNoSnapshots(domain, "remove a disk");
      const live = await this.#live(domain, id, disk);
      const isThere = async () => (await this.#live(domain, id, disk)) !== undefined;
      if (!live || (await unplug(domain, live, isThere))) return this.#note(id, domain);
      throw new NanoError("in-use", `The guest of instance ${id} did not let go of its disk ${disk}`, {
        remedy: "Unmount it inside the guest, or stop the instance first.",
        details: { disk },
      });
    });
  }

  /**
   * A guest may let go long after it was asked to: the record of what it has says so from then on, whatever the
   * definition says.
   */
  noteUnplugged(id: InstanceId): Promise<void> {
    return translated(`looking at the disks of instance ${id}`, async () =>
      this.#note(id, await this.#instances.known(id)),
    );
  }

  /**
   * Records which disks the running guest has now, in the order of its definition. @param changed one of them that is
   * another than recorded
   */
  async #note(id: InstanceId, domain: Domain, changed?: Disk): Promise<void> {
    if (!(await domain.isActive())) return;
    const { spec } = await this.#instances.specified(id);
    const { disks } = await this.#instances.liveSpec(id);
    const there = await this.#liveDisks(domain);
    const place = ({ name }: Disk) => spec.disks.findIndex((each) => each.name === name);
    const now = [...disks.filter(({ name }) => name !== changed?.name), ...(changed ? [changed] : [])]
      .filter(({ name }) => there.some((each) => isDiskVolume(id, name, sourceOf(each))))
      .sort((a, b) => place(a) - place(b));
    if (!Bun.deepEquals(now, disks)) await this.#instances.recordLive(id, { disks: now });
  }

  /** @throws NanoError `disk-not-found`, `disk-missing` */
  async disk(id: InstanceId, disk: Disk["name"]) {
    const { domain, spec } = await this.#instances.specified(id);
    const found = spec.disks.find(({ name }) => name === disk);
    if (!found) throw diskNotFound(id, disk);
    const file = diskVolume(id, disk, found.generation);
    const volume = await this.#find(file);
    if (!volume) throw diskMissing(id, disk, file);
    return { domain, spec, found, file, volume };
  }

  /**
   * The disk of a running guest as libvirt names it, like `vda`; undefined when the guest has it only at its next
   * start.
   */
  async liveTarget(id: InstanceId, disk: Disk["name"]): Promise<string | undefined> {
    const { domain } = await this.#instances.specified(id);
    return find(await this.#live(domain, id, disk), "target")?.attributes.dev;
  }

  /** Files that came or went without libvirt's doing are seen after it has looked again. */
  async #find(file: string): Promise<Volume | undefined> {
    const known = await this.#storage.volume(file);
    if (known && (await existing(known.getInfo()))) return known;
    await this.#storage.refresh();
    return this.#storage.volume(file);
  }

  /** The disk as the running guest has it. */
  async #live(domain: Domain, id: InstanceId, disk: string): Promise<Element | undefined> {
    if (!(await domain.isActive())) return undefined;
    return (await this.#liveDisks(domain)).find((each) => isDiskVolume(id, disk, sourceOf(each)));
  }

  async #liveDisks(domain: Domain): Promise<Element[]> {
    const devices = find(readXml(await domain.getXMLDesc()), "devices");
    return devices ? childrenOf(devices, "disk") : [];
  }
}

const sourceOf = (disk: Element): string => fileOf(find(disk, "source")?.attributes.file ?? "");

const targetsLike = (bus: string): string[] => {
  const prefix = bus === "virtio" ? "vd" : bus === "ide" ? "hd" : "sd";
  return Array.from({ length: 26 }, (_, n) => `${prefix}${String.fromCharCode(97 + n)}`);
};

/** The result, or undefined when there is no such file. */
const existing = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await orNone(work);
  } catch (error) {
    if (error instanceof LibvirtError && /No such file/i.test(error.message)) return undefined;
    throw error;
  }
};

const diskNotFound = (id: InstanceId, disk: string): NanoError =>
  new NanoError("disk-not-found", `Instance ${id} has no disk ${disk}`, { details: { disk } });
