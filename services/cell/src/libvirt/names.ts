/** What things are called in libvirt. All names are ours: nothing a person typed becomes a path. */
import { fits, type ImageId, type InstanceId, type Sha256, type ZoneId, ZoneIdSchema } from "@nano/contract";

/** The instance's id, not its name: names change, and belong to people. The name is the domain's title. */
export const domainName = (id: InstanceId | ""): string => `nano-${id}`;

/** @param generation of its file: the specification says which one is the disk */
export const diskVolume = (id: InstanceId, disk: string, generation = 0): string =>
  generation === 0 ? `${id}-${disk}.qcow2` : `${id}-${disk}.${generation}.qcow2`;
/** Whether this is a file of that disk, of whichever generation, or the marker of one. */
export const isDiskVolume = (id: InstanceId, disk: string, name: string): boolean =>
  name.startsWith(`${id}-${disk}.`) && /^(\d+\.)?qcow2(\.ok)?$/.test(name.slice(`${id}-${disk}.`.length));
export const serialVolume = (id: InstanceId): string => `${id}-serial.log`;
/** What tells the guest who it is; see seed/. */
export const seedVolume = (id: InstanceId): string => `${id}-seed.iso`;
/** Whatever belongs to the serial log, what virtlogd rotated away included. */
export const isSerialVolume = (id: InstanceId, name: string): boolean => name.startsWith(serialVolume(id));

/** The storage pool of a zone's cells, when nobody chose another. */
export const poolNameOf = (zone: ZoneId): string => `nano-${zone.slice("zone-".length)}`;
/** Lies in a storage pool and says whose it is. */
export const claimOf = (zone: ZoneId): string => `${zone}.claim`;
/** The zone that this is the claim of. */
export const claimedBy = (name: string): ZoneId | undefined => {
  const zone = name.replace(/\.claim$/, "");
  return zone !== name && fits(ZoneIdSchema, zone) ? zone : undefined;
};

export type FileFormat = "qcow2" | "iso";
/** A fetched file, named by what it holds. */
export const fetchedVolume = (sha256: Sha256, format: FileFormat): string =>
  format === "qcow2" ? `base-${sha256}.qcow2` : `media-${sha256}.iso`;
/** Exists once the fetched file is whole and verified. */
export const markerOf = (fetched: string): string => `${fetched}.ok`;
export const isFetchedVolume = (name: string): boolean =>
  /^(base-[0-9a-f]{64}\.qcow2|media-[0-9a-f]{64}\.iso)$/.test(name);
/** Exists when a fetched file that was whole is not any more. */
export const damagedMarkOf = (fetched: string): string => `${fetched}.damaged`;
/** The fetched file that this is the marker or the damaged mark of. */
export const markedFile = (mark: string): string | undefined => {
  const file = mark.replace(/\.(ok|damaged)$/, "");
  return file !== mark && isFetchedVolume(file) ? file : undefined;
};
export const readFetchedVolume = (name: string): { sha256: Sha256; format: FileFormat } | undefined => {
  const sha256 = isFetchedVolume(name) ? /[0-9a-f]{64}/.exec(name)?.[0] : undefined;
  if (sha256 === undefined) return undefined;
  return { sha256: sha256 as Sha256, format: name.startsWith("base-") ? "qcow2" : "iso" };
};
/** Exists while other files lie over this one: see layers.ts. */
export const frozenMarkOf = (file: string): string => `${file}.frozen`;
export const isFrozenMark = (name: string): boolean => name.endsWith(frozenMarkOf(".qcow2"));

/** The copy of a disk that is sent to the image service as this image. */
export const exportVolume = (image: ImageId): string => `export-${image}.qcow2`;
/** Whether this is such a copy, or its marker. */
export const isExportVolume = (name: string): boolean => /^export-[0-9a-f-]{36}\.qcow2(\.ok)?$/.test(name);

/** The last part of a path. */
export const fileOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
/** Where a volume of a directory pool lies. */
export const pathIn = (poolPath: string, volume: string): string => `${poolPath}/${volume}`;
