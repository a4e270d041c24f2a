/** Where a person fetches the file of a disk image or a media image. */
import { operation } from "../operation.ts";
import { DownloadTicket, renditionFormats } from "../records.ts";
import { Closed, ImageIdSchema, MediaIdSchema, OneOf, Type } from "../schema.ts";
import { at, ids, image, media, sha256 } from "./examples.ts";

const description =
  "The ticket opens the URL for an hour: whole, by ranges and as often as wanted, so that a download which broke off is continued. What has begun may take longer.";
const ticket = (id: string) => ({
  url: `http://127.0.0.1:5860/download/${id}`,
  ticket: "example-ticket",
  expiresAt: at,
  sha256,
});

export const imageDownloadOperations = {
  "image.download": operation({
    owner: "images",
    summary: "Get a download ticket for a disk image",
    description: `${description} In another \`format\` than the stored qcow2 when \`image.convert\` has made it.`,
    input: Closed({
      id: ImageIdSchema,
      format: Type.Optional(OneOf(["qcow2", ...renditionFormats], "By default as it is stored")),
    }),
    output: DownloadTicket,
    errors: ["image-not-found", "image-not-ready", "rendition-not-found", "rendition-not-ready"],
    requires: "image.read",
    rest: { method: "POST", path: "/api/v2/images/{id}/download", status: 200 },
    changes: true,
    events: [],
    example: {
      input: { id: ids.image },
      output: { ...ticket(ids.image), fileName: "debian-12.qcow2", bytes: image.bytes },
    },
  }),
  "media.download": operation({
    owner: "images",
    summary: "Get a download ticket for a media image",
    description,
    input: Closed({ id: MediaIdSchema }),
    output: DownloadTicket,
    errors: ["media-not-found", "image-not-ready"],
    requires: "media.read",
    rest: { method: "POST", path: "/api/v2/media/{id}/download", status: 200 },
    changes: true,
    events: [],
    example: {
      input: { id: ids.media },
      output: { ...ticket(ids.media), fileName: "debian-12-netinst.iso", bytes: media.bytes },
    },
  }),
};
