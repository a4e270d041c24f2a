/** The storage pool as a place for fetched files. */
import type { Volume } from "@nano/libvirt";
import type { FileNames, VolumeStore } from "../volumes/store.ts";
import { readXml } from "../xml/read.ts";
import { find, textOf } from "../xml/tree.ts";
import { orNone, translated } from "./failure.ts";
import type { Layers } from "./layers.ts";
import { damagedMarkOf, fetchedVolume, markedFile, markerOf, readFetchedVolume } from "./names.ts";
import type { Storage } from "./storage.ts";
import { fileXml, markerBytes } from "./volume-xml.ts";

export const fileNames: FileNames = {
  fetched: fetchedVolume,
  read: readFetchedVolume,
  marker: markerOf,
  damagedMark: damagedMarkOf,
  markedBy: markedFile,
};

export const volumeStore = (storage: Storage, layers: Pick<Layers, "filesInUse">): VolumeStore => ({
  has: (name) => translated(`looking for ${name}`, async () => (await storage.volume(name)) !== undefined),
  names: () => translated("listing the storage pool", () => storage.names()),
  facts: (name) =>
    translated(`looking at ${name}`, async () => {
      const volume = await storage.volume(name);
      const xml = volume && (await orNone(volume.getXMLDesc()));
      if (xml === undefined) return undefined;
      const root = readXml(xml);
      const modified = textOf(find(root, "target", "timestamps", "mtime"));
      return {
        bytes: Number(textOf(find(root, "physical"))),
        modified,
        modifiedAt: Math.floor(Number(modified) * 1_000),
      };
    }),
  write: (name, bytes, source, signal) =>
    translated(`writing ${name}`, async () => {
      const volume = await storage.pool.createVolume(fileXml(name, bytes));
      await volume.upload(source, { length: bytes, signal });
    }),
  read: (name, signal) =>
    translated(`reading ${name}`, async () => (await storage.pool.volumeByName(name)).download({ signal })),
  mark: (name, text) =>
    translated(`writing ${name}`, async () => {
      const mark = (await storage.volume(name)) ?? (await storage.pool.createVolume(fileXml(name, markerBytes)));
      await mark.upload(new Blob([text.padEnd(markerBytes)]).stream(), { length: markerBytes });
    }),
  markText: (name) => translated(`reading ${name}`, async () => readText(await storage.pool.volumeByName(name))),
  remove: (name) => translated(`removing ${name}`, () => storage.remove(name)),
  availableBytes: () => translated("measuring the storage pool", async () => (await storage.figures()).available),
  users: () => translated("finding out which files are in use", async () => (await layers.filesInUse()).users),
});

const readText = async (mark: Volume): Promise<string> => new Response(await mark.download()).text();
