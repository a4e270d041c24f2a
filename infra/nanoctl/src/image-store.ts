/** The image store of the zone that runs here, as nanoctl's commands ask it. */
import type { Bus } from "@nano/bus";
import type { Image, Input, Media, Output, UploadTicket } from "@nano/contract";
import type { Settings } from "./config.ts";
import { asOperator } from "./health.ts";
import { withZone } from "./zone-bus.ts";

/** @throws {Problem} when no zone runs */
export const withStore = <T>(work: (settings: Settings, bus: Bus) => Promise<T>): Promise<T> =>
  withZone({ what: "image store", remedy: "`image build --output FILE` makes a file without it" }, work);

export type StoredFile = Image | Media;

/** Disk images, or media: the same operations under two names. */
export interface Shelf {
  readonly kind: "image" | "media";
  list(search?: string): Promise<readonly StoredFile[]>;
  get(id: string): Promise<StoredFile>;
  create(input: Input<"image.create">): Promise<{ file: StoredFile; upload: UploadTicket }>;
  upload(id: string): Promise<UploadTicket>;
  import(input: Input<"image.import">): Promise<StoredFile>;
  sync(input: Input<"image.sync">): Promise<Output<"image.sync"> | Output<"media.sync">>;
  /** Its page in the portal. */
  page(file: StoredFile): string;
}

export const shelfOf = (settings: Settings, bus: Bus, media: boolean): Shelf => {
  const kind = media ? "media" : "image";
  const page = (file: StoredFile) => `${settings.urls.web}/${media ? "media" : "images"}/${file.id}`;
  const list = async (search?: string) => {
    const files: StoredFile[] = [];
    for (let cursor: string | undefined; ; ) {
      const input = { limit: 500, ...(search ? { search } : {}), ...(cursor ? { cursor } : {}) };
      const found = media
        ? await bus.call("media.list", input, asOperator)
        : await bus.call("image.list", input, asOperator);
      files.push(...found.items);
      if (!found.next) return files;
      cursor = found.next;
    }
  };
  return media
    ? {
        kind,
        page,
        list,
        get: (id) => bus.call("media.get", { id: id as Media["id"] }, asOperator),
        upload: (id) => bus.call("media.upload", { id: id as Media["id"] }, asOperator),
        import: (input) => bus.call("media.import", input, asOperator),
        sync: (input) => bus.call("media.sync", input, asOperator),
        create: async (input) => {
          const made = await bus.call("media.create", input, asOperator);
          return { file: made.media, upload: made.upload };
        },
      }
    : {
        kind,
        page,
        list,
        get: (id) => bus.call("image.get", { id: id as Image["id"] }, asOperator),
        upload: (id) => bus.call("image.upload", { id: id as Image["id"] }, asOperator),
        import: (input) => bus.call("image.import", input, asOperator),
        sync: (input) => bus.call("image.sync", input, asOperator),
        create: async (input) => {
          const made = await bus.call("image.create", input, asOperator);
          return { file: made.image, upload: made.upload };
        },
      };
};
