/** The storage pool as a place for fetched files. */
import type { Connection } from "@nano/libvirt";
import type { FileNames, VolumeStore } from "../volumes/fetcher.ts";
import { translated } from "./failure.ts";
import { filesInUse } from "./layers.ts";
import { fetchedVolume, isFetchedVolume, isMarker, markerOf } from "./names.ts";
import type { Storage } from "./storage.ts";
import { fileXml, markerBytes } from "./volume-xml.ts";

export const fileNames: FileNames = {
  fetched: fetchedVolume,
  marker: markerOf,
  isFetched: isFetchedVolume,
  isMarker,
};

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
      const { under, disks } = await filesInUse(connection, storage);
      return under.union(disks);
    }),
});
