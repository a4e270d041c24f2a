/** The part of the image service that the scheduler asks, on the real bus, for tests. */
import type { Bus, Handlers } from "@nano/bus";
import {
  decode,
  type Image,
  type ImageId,
  ImageIdSchema,
  MediaIdSchema,
  NanoError,
  operations,
  Sha256Schema,
} from "@nano/contract";
import { bytes, gib } from "../units.ts";

export const readyImage: ImageId = decode(ImageIdSchema, "00000000-0000-7000-8000-00000000aaaa", "Naming an image");
export const uploadingImage: ImageId = decode(ImageIdSchema, "00000000-0000-7000-8000-00000000bbbb", "Naming an image");
export const unknownImage: ImageId = decode(ImageIdSchema, "00000000-0000-7000-8000-00000000cccc", "Naming an image");
export const readyMedia = decode(MediaIdSchema, "00000000-0000-7000-8000-00000000dddd", "Naming a media image");
/** Somebody for whom none of them is there. */
export const stranger = "stranger";
/** Of all that are ready. */
export const sha256 = decode(Sha256Schema, "ab".repeat(32), "Naming a file");
const gibibyte = 2 ** 30;
const uploading: Image = {
  ...operations["image.get"].example.output,
  state: "uploading",
  bytes: bytes(0),
};

/** An image that is being exported, as the record says. */
export interface Registered {
  image: Image;
  /** Somebody has a ticket and sends. */
  sending: boolean;
}

/** @returns the images that were registered: none but those that exports make */
export function serveImages(bus: Bus): Map<ImageId, Registered> {
  const registered = new Map<ImageId, Registered>();
  const found = (id: ImageId): Registered => {
    const known = registered.get(id);
    if (!known) throw new NanoError("image-not-found", `There is no image ${id}`);
    return known;
  };
  const notHere = (): never => {
    throw new NanoError("internal", "This is not the real image service");
  };
  const source = { url: "http://127.0.0.1:1/blob", ticket: "test", sha256, bytes: bytes(1_000_000) };
  const handlers: Handlers<"images"> = {
    "image.source": ({ id, reader }) => {
      if (id === uploadingImage) throw new NanoError("image-not-ready", "The image is not ready");
      if (id !== readyImage || reader?.name === stranger)
        throw new NanoError("image-not-found", `There is no image ${id}`);
      return { ...source, name: "tiny", virtualBytes: bytes(2 * gibibyte), minimumDiskGiB: gib(2), format: "qcow2" };
    },
    "media.source": ({ id, reader }) => {
      if (id !== readyMedia || reader?.name === stranger)
        throw new NanoError("media-not-found", `There is no media image ${id}`);
      return { ...source, name: "rescue", format: "iso" };
    },
    "image.identify": ({ files, reader }) => ({
      items: files
        .filter((file) => file === sha256 && reader?.name !== stranger)
        .map((file) => ({
          sha256: file,
          image: { id: readyImage, name: "tiny" },
          media: { id: readyMedia, name: "rescue" },
        })),
    }),
    "image.convert": notHere,
    "image.discard": notHere,
    "image.import": notHere,
    "image.sync": notHere,
    "media.import": notHere,
    "media.sync": notHere,
    "image.begin": ({ id, dryRun = false, bytes: _, ...record }) => {
      if (registered.has(id)) return {};
      if ([...registered.values()].some(({ image }) => image.name === record.name))
        throw new NanoError("name-taken", `There is an image ${record.name}`);
      const image: Image = { ...uploading, id, ...record };
      if (!dryRun) registered.set(id, { image, sending: false });
      return {};
    },
    "image.get": ({ id }) => found(id).image,
    "image.upload": ({ id }) => {
      if (found(id).sending) throw new NanoError("upload-in-progress", "Another request is uploading this file");
      return { url: "http://127.0.0.1:1/upload", ticket: "test", expiresAt: uploading.createdAt };
    },
    "image.delete": ({ id }) => {
      found(id);
      registered.delete(id);
      return {};
    },
    "image.list": notHere,
    "image.modify": notHere,
    "image.download": notHere,
    "media.modify": notHere,
    "media.download": notHere,
    "image.create": notHere,
    "media.list": notHere,
    "media.get": notHere,
    "media.create": notHere,
    "media.upload": notHere,
    "media.delete": notHere,
  };
  bus.serve("images", handlers);
  return registered;
}
