/** The storage pool as a place for fetched files. */
import type { Connection } from "@nano/libvirt";
import type { FileNames, VolumeStore } from "../volumes/fetcher.ts";
import { readXml } from "../xml/read.ts";
import { childrenOf, find, textOf } from "../xml/tree.ts";
import { orNone, translated } from "./failure.ts";
import { domainName, fetchedVolume, isFetchedVolume, isMarker, markerOf } from "./names.ts";
import type { Storage } from "./storage.ts";
import { fileXml } from "./volume-xml.ts";

export const fileNames: FileNames = {
  fetched: fetchedVolume,
  marker: markerOf,
  isFetched: isFetchedVolume,
  isMarker,
};

/** A marker holds nothing; libvirt wants every volume to have a size. */
const markerBytes = 512;

export const volumeStore = (connection: Connection, storage: Storage): VolumeStore => ({
  has: (name) => translated(`looking for ${name}`, async () => (await storage.volume(name)) !== undefined),
  names: () => translated("listing the storage pool", () => storage.names()),
  write: (name, bytes, source, signal) =>
    translated(`writing ${name}`, async () => {
      const volume = await storage.pool.createVolume(fileXml(name, bytes));
      await volume.upload(source, { length: bytes, signal });
    }),
  mark: (name) =>
    translated(`writing ${name}`, async () => {
      await storage.pool.createVolume(fileXml(name, markerBytes));
    }),
  remove: (name) => translated(`removing ${name}`, () => storage.remove(name)),
  availableBytes: () => translated("measuring the storage pool", async () => (await storage.figures()).available),
  referenced: () =>
    translated("finding out which files are in use", async () => {
      const fileOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
      const used = new Set<string>();
      // Disks whose instance is not defined yet count too: creation makes the disk first.
      for (const volume of await storage.pool.listAllVolumes()) {
        const xml =
          isFetchedVolume(volume.name) || isMarker(volume.name) ? undefined : await orNone(volume.getXMLDesc());
        if (xml !== undefined) used.add(fileOf(textOf(find(readXml(xml), "backingStore", "path"))));
      }
      for (const domain of await connection.listAllDomains()) {
        if (!domain.name.startsWith(domainName(""))) continue;
        const devices = find(readXml((await orNone(domain.getXMLDesc())) ?? "<none/>"), "devices");
        for (const disk of devices ? childrenOf(devices, "disk") : [])
          used.add(fileOf(find(disk, "source")?.attributes.file ?? ""));
      }
      return used;
    }),
});
