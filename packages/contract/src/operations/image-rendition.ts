/** The file of a disk image in another format: made on request, kept while it is used. */
import { operation } from "../operation.ts";
import { Rendition, RenditionFormatSchema } from "../records.ts";
import { Closed, ImageIdSchema, Nothing } from "../schema.ts";
import { ids } from "./examples.ts";

const one = Closed({ id: ImageIdSchema, format: RenditionFormatSchema });
const path = "/api/v2/images/{id}/renditions/{format}";
const input = { id: ids.image, format: "vmdk" } as const;

export const imageRenditionOperations = {
  "image.convert": operation({
    owner: "images",
    summary: "Have a disk image's file made in another format, to be downloaded",
    description:
      "Answers at once; `image.get` tells among the `renditions` how far it is, and `image.download` takes its format when it is `ready`. Asked for again, it is the same one: however many want it, it is made once. It is refused before it begins when there is no room for it.",
    input: one,
    output: Rendition,
    errors: ["image-not-found", "image-not-ready", "image-too-large", "disk-full", "conversion-unavailable"],
    requires: "image.read",
    rest: { method: "PUT", path, status: 200 },
    changes: true,
    events: ["image.changed"],
    deadlineMs: 20_000,
    example: { input, output: { format: "vmdk", state: "converting", progress: 0 } },
  }),
  "image.discard": operation({
    owner: "images",
    summary: "Remove a disk image's file in another format, or end its making",
    description: "For the image's owner, people who manage everyone's, and the person who asked for it first.",
    input: one,
    output: Nothing,
    errors: ["image-not-found", "rendition-not-found"],
    requires: "image.read",
    rest: { method: "DELETE", path, status: 204 },
    changes: true,
    events: ["image.changed"],
    example: { input, output: {} },
  }),
};
