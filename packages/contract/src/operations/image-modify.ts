/** Changing what is said of a disk image or a media image; its bytes stay. */
import { operation } from "../operation.ts";
import { Image, Media, VisibilitySchema } from "../records.ts";
import {
  Closed,
  Description,
  DiskGiB,
  ImageIdSchema,
  ImageTags,
  MediaIdSchema,
  NewLabel,
  Revision,
  Type,
} from "../schema.ts";
import { gib, ids, image, media } from "./examples.ts";

const changes = {
  name: Type.Optional(NewLabel),
  description: Type.Optional(Description),
  tags: Type.Optional(ImageTags),
  visibility: Type.Optional(VisibilitySchema),
  revision: Type.Optional(Revision),
};
const description =
  "Send only what changes; `tags` replaces them as a whole. With `revision` (over REST also as If-Match) it is refused when someone else was quicker. For its " +
  "owner, and people who manage everyone's.";

export const imageModifyOperations = {
  "image.modify": operation({
    owner: "images",
    summary: "Change what is said of a disk image",
    description: `${description} \`minimumDiskGiB\` is at least the image's own disk.`,
    input: Closed({ id: ImageIdSchema, ...changes, minimumDiskGiB: Type.Optional(DiskGiB) }),
    output: Image,
    errors: ["image-not-found", "name-taken", "revision-mismatch", "idempotency-key-reused"],
    requires: "image.write",
    rest: { method: "PATCH", path: "/api/v2/images/{id}", status: 200 },
    changes: true,
    events: ["image.changed"],
    example: {
      input: { id: ids.image, visibility: "public", minimumDiskGiB: gib(8) },
      output: { ...image, visibility: "public", minimumDiskGiB: gib(8), revision: 3 },
    },
  }),
  "media.modify": operation({
    owner: "images",
    summary: "Change what is said of a media image",
    description,
    input: Closed({ id: MediaIdSchema, ...changes }),
    output: Media,
    errors: ["media-not-found", "name-taken", "revision-mismatch", "idempotency-key-reused"],
    requires: "media.write",
    rest: { method: "PATCH", path: "/api/v2/media/{id}", status: 200 },
    changes: true,
    events: ["media.changed"],
    example: {
      input: { id: ids.media, visibility: "public" },
      output: { ...media, visibility: "public", revision: 3 },
    },
  }),
};
