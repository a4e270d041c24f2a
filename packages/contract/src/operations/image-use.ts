/** Who uses an image or a medium: known to the scheduler, wanted by the image service. */
import { operation } from "../operation.ts";
import { UsedBy } from "../records.ts";
import { Closed, ImageIdSchema, limits, MediaIdSchema, type TSchema, Type } from "../schema.ts";
import { ids } from "./examples.ts";

/** As many as a page of a list has. */
const some = <T extends TSchema>(id: T) => Type.Array(id, { maxItems: limits.page.maximum });
const usedBy = { count: 1, instances: [{ id: ids.instance, name: "web-1" }] };
const asked = {
  description: "Asked about one, it names them; about several, it counts.",
  owner: "scheduler" as const,
  errors: [] as const,
  requires: "internal" as const,
  changes: false,
  events: [] as const,
};

export const imageUseOperations = {
  "image.users": operation({
    ...asked,
    summary: "Tell which instances have disks that are made of these disk images",
    input: Closed({ images: some(ImageIdSchema) }),
    output: Closed({
      items: Type.Array(Closed({ image: ImageIdSchema, usedBy: UsedBy }), { maxItems: limits.page.maximum }),
    }),
    example: {
      input: { images: [ids.image] },
      output: { items: [{ image: ids.image, usedBy }] },
    },
  }),
  "media.users": operation({
    ...asked,
    summary: "Tell which instances have these media images in their drives",
    input: Closed({ media: some(MediaIdSchema) }),
    output: Closed({
      items: Type.Array(Closed({ media: MediaIdSchema, usedBy: UsedBy }), { maxItems: limits.page.maximum }),
    }),
    example: {
      input: { media: [ids.media] },
      output: { items: [{ media: ids.media, usedBy }] },
    },
  }),
};
