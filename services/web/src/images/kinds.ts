/** Disk images and media are two kinds of the same thing; what differs between them is here. */
import type { Image, Media, Output } from "@nano/contract";
import { readId } from "../http/ids.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import type { FileKind } from "../paths.ts";
import type { ChineseKey } from "../text/chinese.ts";
import type { IconName } from "../view/icons.tsx";
import { readFormat } from "./format.tsx";

export type StoredFile = Image | Media;
export interface FilePage {
  readonly items: readonly StoredFile[];
  readonly total: number;
  readonly next?: string;
}

export interface Kind {
  readonly kind: FileKind;
  readonly section: "images" | "media";
  readonly icon: IconName;
  readonly accept: string;
  readonly text: Readonly<
    Record<"many" | "lead" | "upload" | "none" | "noneText" | "deleted" | "begun" | "inUse", ChineseKey>
  >;
  list(visit: Visit, query: Readonly<Record<string, unknown>>): Promise<Attempt<FilePage>>;
  get(visit: Visit): Promise<StoredFile>;
  create(
    visit: Visit,
    typed: Readonly<Record<string, unknown>>,
    key: string,
  ): Promise<Attempt<{ file: StoredFile; upload: Output<"image.upload"> }>>;
  import(visit: Visit, typed: Readonly<Record<string, unknown>>, key: string): Promise<Attempt<StoredFile>>;
  sync(visit: Visit): Promise<Attempt<Output<"image.sync"> | Output<"media.sync">>>;
  ticket(visit: Visit): Promise<Attempt<Output<"image.upload">>>;
  modify(visit: Visit, typed: Readonly<Record<string, unknown>>, key: string): Promise<Attempt<StoredFile>>;
  /** @throws NanoError as the image service refused */
  download(visit: Visit): Promise<Output<"image.download">>;
  delete(visit: Visit, key: string, force: boolean): Promise<Attempt<object>>;
}

const imageKind: Kind = {
  kind: "image",
  section: "images",
  icon: "image",
  accept: ".qcow2,.img,.raw,.vmdk,.vdi,.vhdx,.vhd,.gz,.xz,.zst,.bz2",
  text: {
    many: "Images",
    lead: "Disk images that instances are cloned from.",
    upload: "Upload an image",
    none: "No disk images yet",
    noneText:
      "Upload a disk image (qcow2, raw, VMDK, VDI, VHDX, VHD), and instances made from it are ready in milliseconds.",
    deleted: "The image {name} was deleted",
    begun: "The image {name} awaits its file",
    inUse: "They keep running, each on its cell's own verified copy. None can be reset to it any more.",
  },
  list: (visit, query) => visit.submit("image.list", query),
  get: (visit) => visit.call("image.get", { id: readId.image(visit.param("id")) }),
  async create(visit, typed, key) {
    const made = await visit.submit("image.create", typed, { idempotencyKey: key });
    return made.ok ? { ok: true, value: { file: made.value.image, upload: made.value.upload } } : made;
  },
  import: (visit, typed, key) => visit.submit("image.import", typed, { idempotencyKey: key }),
  sync: (visit) => visit.attempt("image.sync", {}),
  ticket: (visit) => visit.attempt("image.upload", { id: readId.image(visit.param("id")) }),
  modify: (visit, typed, key) =>
    visit.submit("image.modify", { id: visit.param("id"), ...typed }, { idempotencyKey: key }),
  download: (visit) => {
    const format = visit.query("format");
    const id = readId.image(visit.param("id"));
    return visit.call("image.download", { id, ...(format ? { format: readFormat(format) } : {}) });
  },
  delete: (visit, key, force) =>
    visit.attempt(
      "image.delete",
      { id: readId.image(visit.param("id")), ...(force ? { force } : {}) },
      { idempotencyKey: key },
    ),
};

const mediaKind: Kind = {
  kind: "media",
  section: "media",
  icon: "media",
  accept: ".iso,.gz,.xz,.zst,.bz2",
  text: {
    many: "Media",
    lead: "ISO images that instances boot from: to install a system or to rescue one.",
    upload: "Upload a medium",
    none: "No media yet",
    noneText: "Upload an ISO image, and start an instance with it.",
    deleted: "The medium {name} was deleted",
    begun: "The medium {name} awaits its file",
    inUse: "It stays in their drives, read from their cells' own verified copies, until it is ejected there.",
  },
  list: (visit, query) => visit.submit("media.list", query),
  get: (visit) => visit.call("media.get", { id: readId.media(visit.param("id")) }),
  async create(visit, typed, key) {
    const made = await visit.submit("media.create", typed, { idempotencyKey: key });
    return made.ok ? { ok: true, value: { file: made.value.media, upload: made.value.upload } } : made;
  },
  import: (visit, typed, key) => visit.submit("media.import", typed, { idempotencyKey: key }),
  sync: (visit) => visit.attempt("media.sync", {}),
  ticket: (visit) => visit.attempt("media.upload", { id: readId.media(visit.param("id")) }),
  modify: (visit, typed, key) =>
    visit.submit("media.modify", { id: visit.param("id"), ...typed }, { idempotencyKey: key }),
  download: (visit) => visit.call("media.download", { id: readId.media(visit.param("id")) }),
  delete: (visit, key, force) =>
    visit.attempt(
      "media.delete",
      { id: readId.media(visit.param("id")), ...(force ? { force } : {}) },
      { idempotencyKey: key },
    ),
};

export const kinds: readonly Kind[] = [imageKind, mediaKind];
