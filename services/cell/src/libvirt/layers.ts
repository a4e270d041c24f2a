/**
 * Files that lie over each other: linked clones.
 *
 * Theory. A file that others lie over must never change and must stay as long as any of them. Such a file is frozen: a
 * tiny volume, the mark, says so, and is made only when the files over it are there. A frozen file is nobody's disk.
 * Whoever removes disks passes frozen files by, and asks `collect` to take those away that nothing lies over any more;
 * all of that is read from the storage pool itself, so nothing is counted that could be counted wrongly. A mark on a
 * file that an instance is still defined with is left of a link that was taken back: then it is the mark that goes.
 */
import { type Connection, LibvirtError, ListPools, type Volume } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { type Element, find, textOf } from "../xml/tree.ts";
import { orNone } from "./failure.ts";
import { fileOf, frozenMarkOf, isFetchedVolume, isFrozenMark, markedFile } from "./names.ts";
import { configurationsOf, devicesIn } from "./neighbour-domains.ts";
import type { Storage } from "./storage.ts";
import { fileXml, markerBytes } from "./volume-xml.ts";

/**
 * Of a qcow2 file as it is made (docs/interop/qcow2.txt of QEMU): header, reference table, one block of it, and a table
 * of levels of up to 4 TiB.
 */
const clusterBytes = 65_536;
const emptyBytes = 4 * clusterBytes;

export interface FilesInUse {
  /** What each file of ours lies over. */
  readonly grounds: ReadonlyMap<string, string>;
  /** That other files lie over. */
  readonly under: ReadonlySet<string>;
  /** That instances are defined with, run with, or will when a snapshot with memory is restored. */
  readonly disks: ReadonlySet<string>;
  /** How many disks and drives need each file that nobody is to remove. */
  readonly users: ReadonlyMap<string, number>;
}

/**
 * Names of the files in use, by whomever: a person or another zone may have laid something over our files, too. Disks
 * whose instance is not defined yet count: creation makes the disk first.
 */
const filesInUse = async (
  connection: Connection,
  storage: Storage,
  isOwn: (uuid: string) => boolean,
): Promise<FilesInUse> => {
  const grounds = new Map<string, string>();
  for (const volume of await storage.pool.listAllVolumes()) {
    if (isFetchedVolume(volume.name) || markedFile(volume.name) || isFrozenMark(volume.name)) continue;
    const xml = await orNone(volume.getXMLDesc());
    const ground = xml === undefined ? "" : groundOf(storage, xml);
    if (ground !== "") grounds.set(volume.name, ground);
  }
  const disks = new Set<string>();
  const users = new Map<string, number>();
  const use = (file: string): void => void users.set(file, (users.get(file) ?? 0) + 1);
  /** Of ours, by the path of what lies over it. */
  const elsewhere = new Map<string, string>();
  for (const [path, ground] of await overlaysElsewhere(connection, storage)) elsewhere.set(path, ground);
  for (const domain of await connection.listAllDomains()) {
    const chains = (await configurationsOf(domain)).flatMap((xml) => devicesIn(xml, "disk").map(chainOf));
    const files = new Set<string>();
    for (const [top = "", ...below] of chains) {
      // Ours count wherever the storage pool's path leads now.
      const file = isOwn(domain.uuid) ? fileOf(top) : storage.fileAt(top);
      if (file !== undefined) files.add(file);
      const ground = below.map((path) => storage.fileAt(path)).find((each) => each !== undefined);
      if (file === undefined && ground !== undefined) elsewhere.set(top, ground);
    }
    for (const file of files) {
      disks.add(file);
      if (isFetchedVolume(file)) use(file);
    }
  }
  const under = new Set([...grounds.values(), ...elsewhere.values()]);
  const useBelow = (file: string | undefined): void => {
    for (let below = file; below !== undefined; below = grounds.get(below)) use(below);
  };
  for (const [file, ground] of grounds) if (!under.has(file)) useBelow(ground);
  for (const ground of elsewhere.values()) useBelow(ground);
  return { grounds, under, disks, users };
};

/**
 * Files in other storage pools that lie over ours: by the path of each, the name of ours. What cannot be asked now is
 * in nobody's way.
 */
const overlaysElsewhere = async (connection: Connection, storage: Storage): Promise<Map<string, string>> => {
  const found = new Map<string, string>();
  for (const pool of await connection.listAllStoragePools(ListPools.active)) {
    if (pool.uuid === storage.pool.uuid) continue;
    const volumes = await pool.listAllVolumes().catch(passedBy);
    for (const volume of volumes ?? []) {
      const xml = await volume.getXMLDesc().catch(passedBy);
      const root = xml === undefined ? undefined : readXml(xml);
      const ground = storage.fileAt(textOf(find(root, "backingStore", "path")));
      if (ground !== undefined) found.set(textOf(find(root, "target", "path")), ground);
    }
  }
  return found;
};

const passedBy = (error: unknown): undefined => {
  if (error instanceof LibvirtError && !error.retryable) return undefined;
  throw error;
};

/** The paths of a disk and of what it lies over, as far as its definition says. */
const chainOf = (disk: Element): string[] => {
  const path = find(disk, "source")?.attributes.file;
  const below = find(disk, "backingStore");
  return [...(path === undefined ? [] : [path]), ...(below ? chainOf(below) : [])];
};

/** Names of the files that the disks of this domain are, or were when this snapshot of it was taken. */
export const filesOf = (domainXml: string): string[] => pathsOf(domainXml).map(fileOf);
export const pathsOf = (domainXml: string): string[] =>
  devicesIn(domainXml, "disk").map((disk) => find(disk, "source")?.attributes.file ?? "");

export class Layers {
  readonly #connection: Connection;
  readonly #storage: Storage;
  /** Whether the domain with this UUID is an instance of ours. */
  readonly isOwn: (uuid: string) => boolean;

  constructor(connection: Connection, storage: Storage, isOwn: (uuid: string) => boolean) {
    this.#connection = connection;
    this.#storage = storage;
    this.isOwn = isOwn;
  }

  /** The files it lies over, the nearest first. */
  async under(file: string): Promise<Volume[]> {
    const volume = await this.#storage.volume(file);
    const ground = volume && groundOf(this.#storage, await volume.getXMLDesc());
    const below = ground ? await this.#storage.volume(ground) : undefined;
    return below ? [below, ...(await this.under(below.name))] : [];
  }

  /** How many frozen files it lies over. */
  async depth(file: string): Promise<number> {
    const names = new Set(await this.#storage.names());
    return (await this.under(file)).filter(({ name }) => names.has(frozenMarkOf(name))).length;
  }

  /**
   * The frozen file it lies over, if nothing was written to it since it was made. What is written needs room for where
   * it lies: the file grows.
   */
  async untouchedGround(file: string): Promise<Volume | undefined> {
    const volume = await this.#storage.volume(file);
    const [ground] = await this.under(file);
    if (!volume || !ground || !(await this.isFrozen(ground.name))) return undefined;
    const size = Number(textOf(find(readXml(await volume.getXMLDesc()), "physical")) || Number.NaN);
    return size <= emptyBytes ? ground : undefined;
  }

  /** Whether another disk needs what a file lies over; nothing when that cannot be told now. */
  async sharing(): Promise<(file: string) => boolean | undefined> {
    const used = await this.#inUse();
    return (file) => used && (used.users.get(used.grounds.get(file) ?? "") ?? 0) > 1;
  }

  filesInUse(): Promise<FilesInUse> {
    return filesInUse(this.#connection, this.#storage, this.isOwn);
  }

  async isFrozen(file: string): Promise<boolean> {
    return (await this.#storage.volume(frozenMarkOf(file))) !== undefined;
  }

  async freeze(file: string): Promise<void> {
    if (await this.isFrozen(file)) return;
    await this.#storage.pool.createVolume(fileXml(frozenMarkOf(file), markerBytes));
  }

  /** Removes the frozen files that nothing lies over any more. */
  async collect(): Promise<void> {
    for (let collected = true; collected; ) {
      collected = false;
      const marks = (await this.#storage.names()).filter(isFrozenMark);
      const used = marks.length > 0 && (await this.#inUse());
      if (!used) return;
      for (const mark of marks) {
        const file = mark.slice(0, -frozenMarkOf("").length);
        if (used.under.has(file)) continue;
        // The file first: a mark for nothing is harmless, and taken away the next time.
        if (!used.disks.has(file)) await this.#storage.remove(file);
        await this.#storage.remove(mark);
        collected = true;
      }
    }
  }

  /**
   * Nothing when one file cannot be asked, as while it is being written: it may lie over any of the others. The next
   * time will do.
   */
  async #inUse(): Promise<FilesInUse | undefined> {
    try {
      return await this.filesInUse();
    } catch (error) {
      if (error instanceof LibvirtError && !error.retryable) return undefined;
      throw error;
    }
  }
}

/** The file of ours that a volume lies over; "" of one that lies over none. */
const groundOf = (storage: Storage, volumeXml: string): string => {
  const path = textOf(find(readXml(volumeXml), "backingStore", "path"));
  return path.includes("/") ? (storage.fileAt(path) ?? "") : path;
};
