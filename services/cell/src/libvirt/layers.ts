/**
 * Files that lie over each other: linked clones.
 *
 * Theory. A file that others lie over must never change and must stay as long as any of them. Such a file is frozen: a tiny volume, the mark, says so, and
 * is made only when the files over it are there. A frozen file is nobody's disk. Whoever removes disks passes frozen files by, and asks `collect` to
 * take those away that nothing lies over any more; all of that is read from the storage pool itself, so nothing is counted that could be counted wrongly.
 * A mark on a file that an instance is still defined with is left of a link that was taken back: then it is the mark that goes.
 */
import { type Connection, type Domain, LibvirtError, type Volume } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { childrenOf, find, textOf } from "../xml/tree.ts";
import { orNone } from "./failure.ts";
import { domainName, fileOf, frozenMarkOf, isFetchedVolume, isFrozenMark, markedFile } from "./names.ts";
import type { Storage } from "./storage.ts";
import { fileXml, markerBytes } from "./volume-xml.ts";

/** Of a qcow2 file as it is made (docs/interop/qcow2.txt of QEMU): header, reference table, one block of it, and a table of levels of up to 4 TiB. */
const clusterBytes = 65_536;
const emptyBytes = 4 * clusterBytes;

export interface FilesInUse {
  /** That other files lie over. */
  readonly under: ReadonlySet<string>;
  /** That instances are defined with, run with, or will when a snapshot with memory is restored. */
  readonly disks: ReadonlySet<string>;
  /** How many disks and drives need each file that nobody is to remove. */
  readonly users: ReadonlyMap<string, number>;
}

/** Names of the files in use. Disks whose instance is not defined yet count too: creation makes the disk first. */
export const filesInUse = async (connection: Connection, storage: Storage): Promise<FilesInUse> => {
  const grounds = new Map<string, string>();
  for (const volume of await storage.pool.listAllVolumes()) {
    if (isFetchedVolume(volume.name) || markedFile(volume.name) || isFrozenMark(volume.name)) continue;
    const xml = await orNone(volume.getXMLDesc());
    const ground = xml === undefined ? "" : groundOf(xml);
    if (ground !== "") grounds.set(volume.name, ground);
  }
  const under = new Set(grounds.values());
  const disks = new Set<string>();
  const users = new Map<string, number>();
  const use = (file: string): void => void users.set(file, (users.get(file) ?? 0) + 1);
  for (const file of grounds.keys()) {
    if (under.has(file)) continue;
    for (let below = grounds.get(file); below !== undefined; below = grounds.get(below)) use(below);
  }
  for (const domain of await connection.listAllDomains()) {
    if (!domain.name.startsWith(domainName(""))) continue;
    const files = new Set((await configurationsOf(domain)).flatMap(filesOf));
    for (const file of files) {
      disks.add(file);
      if (isFetchedVolume(file)) use(file);
    }
  }
  return { under, disks, users };
};

/** What it is now, what it is defined to be, and what its snapshots keep: the last may have a medium in the drive. */
const configurationsOf = async (domain: Domain): Promise<string[]> => {
  const kept = (await orNone(domain.listSnapshots())) ?? [];
  const all = [domain.getXMLDesc(), domain.getDefinition(), ...kept.map((snapshot) => snapshot.getXMLDesc())];
  return (await Promise.all(all.map(orNone))).filter((xml) => xml !== undefined);
};

/** Names of the files that the disks of this domain are, or were when this snapshot of it was taken. */
export const filesOf = (domainXml: string): string[] => {
  const root = readXml(domainXml);
  const devices = find(root, "devices") ?? find(root, "domain", "devices");
  const all = devices ? childrenOf(devices, "disk") : [];
  return all.map((disk) => fileOf(find(disk, "source")?.attributes.file ?? ""));
};

export class Layers {
  readonly #connection: Connection;
  readonly #storage: Storage;

  constructor(connection: Connection, storage: Storage) {
    this.#connection = connection;
    this.#storage = storage;
  }

  /** The files it lies over, the nearest first. */
  async under(file: string): Promise<Volume[]> {
    const volume = await this.#storage.volume(file);
    const ground = volume && groundOf(await volume.getXMLDesc());
    const below = ground ? await this.#storage.volume(ground) : undefined;
    return below ? [below, ...(await this.under(below.name))] : [];
  }

  /** How many frozen files it lies over. */
  async depth(file: string): Promise<number> {
    const names = new Set(await this.#storage.names());
    return (await this.under(file)).filter(({ name }) => names.has(frozenMarkOf(name))).length;
  }

  /** The frozen file it lies over, if nothing was written to it since it was made. What is written needs room for where it lies: the file grows. */
  async untouchedGround(file: string): Promise<Volume | undefined> {
    const volume = await this.#storage.volume(file);
    const [ground] = await this.under(file);
    if (!volume || !ground || !(await this.isFrozen(ground.name))) return undefined;
    const size = Number(textOf(find(readXml(await volume.getXMLDesc()), "physical")) || Number.NaN);
    return size <= emptyBytes ? ground : undefined;
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

  /** Nothing when one file cannot be asked, as while it is being written: it may lie over any of the others. The next time will do. */
  async #inUse(): Promise<FilesInUse | undefined> {
    try {
      return await filesInUse(this.#connection, this.#storage);
    } catch (error) {
      if (error instanceof LibvirtError && !error.retryable) return undefined;
      throw error;
    }
  }
}

/** @param volumeXml of the volume whose ground it is; "" when it lies over nothing */
const groundOf = (volumeXml: string): string => fileOf(textOf(find(readXml(volumeXml), "backingStore", "path")));
