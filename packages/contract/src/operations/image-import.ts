/** Files that the image service fetches itself: from a URL, or from its own machine's directory. */
import { operation } from "../operation.ts";
import { DeclaredFormat, ErrorRecord, Image, Media, VisibilitySchema } from "../records.ts";
import {
  Closed,
  Description,
  DiskGiB,
  ImageIdSchema,
  ImageTags,
  MediaIdSchema,
  NewLabel,
  Sha256Schema,
  Type,
} from "../schema.ts";
import { ids, image, media, sha256 } from "./examples.ts";

const importFields = {
  name: NewLabel,
  description: Type.Optional(Description),
  tags: Type.Optional(ImageTags),
  visibility: Type.Optional(VisibilitySchema),
  url: Type.String({
    pattern: "^https?://[!-~]+$",
    maxLength: 2_048,
    description: "http or https, at a public address or one in a network the operator allows; its query is kept secret",
  }),
  sha256: Type.Optional(Sha256Schema),
};
const importDescription =
  "The record is there at once and is `ready` when the file has arrived and was verified; `bytes` of `expectedBytes` tell how far it is. Without TLS the SHA-256 must be given. A service that restarts begins it again.";
const syncInput = Closed({ visibility: Type.Optional(VisibilitySchema) });
const syncDescription =
  "They are recognized by their extension, are named after their files, and are gone from the directory when their image is `ready`. Only who has access to that machine can put files there.";
const importErrors = ["name-taken", "quota-exceeded", "import-refused", "idempotency-key-reused"] as const;
const urlOf = (file: string) => `https://images.example/${file}`;
const synced = <T extends typeof ImageIdSchema | typeof MediaIdSchema>(id: T) =>
  Closed({
    directory: Type.Optional(
      Type.String({
        maxLength: 4_096,
        description: "Where the service looks, on its own machine; told to those who manage all such files",
      }),
    ),
    items: Type.Array(
      Closed({
        file: Type.String({ maxLength: 1_024 }),
        /** Of the record that it becomes. */
        id: Type.Optional(id),
        /** Why it is not taken. */
        error: Type.Optional(ErrorRecord),
      }),
      { maxItems: 1_000 },
    ),
  });

export const imageImportOperations = {
  "image.import": operation({
    owner: "images",
    summary: "Fetch a disk image from a URL",
    description: importDescription,
    input: Closed({
      ...importFields,
      minimumDiskGiB: Type.Optional(DiskGiB),
      format: Type.Optional(DeclaredFormat),
    }),
    output: Image,
    errors: [...importErrors],
    requires: "image.write",
    rest: { method: "POST", path: "/api/v2/images/import", status: 201 },
    changes: true,
    events: ["image.changed"],
    example: {
      input: { name: "debian-12", url: urlOf("debian-12.qcow2"), sha256 },
      output: { ...image, state: "uploading", source: { from: "url", url: urlOf("debian-12.qcow2") } },
    },
  }),
  "image.sync": operation({
    owner: "images",
    summary: "Take in the disk images that an operator copied into the image service's directory",
    description: syncDescription,
    input: syncInput,
    output: synced(ImageIdSchema),
    errors: [],
    requires: "image.write",
    rest: { method: "POST", path: "/api/v2/images/sync", status: 200 },
    changes: true,
    events: ["image.changed"],
    example: {
      input: {},
      output: { directory: "/srv/nano/incoming", items: [{ file: "debian-12.qcow2", id: ids.image }] },
    },
  }),
  "media.import": operation({
    owner: "images",
    summary: "Fetch a media image from a URL",
    description: importDescription,
    input: Closed(importFields),
    output: Media,
    errors: [...importErrors],
    requires: "media.write",
    rest: { method: "POST", path: "/api/v2/media/import", status: 201 },
    changes: true,
    events: ["media.changed"],
    example: {
      input: { name: "debian-12-netinst", url: urlOf("netinst.iso"), sha256 },
      output: { ...media, state: "uploading", source: { from: "url", url: urlOf("netinst.iso") } },
    },
  }),
  "media.sync": operation({
    owner: "images",
    summary: "Take in the media images that an operator copied into the image service's directory",
    description: syncDescription,
    input: syncInput,
    output: synced(MediaIdSchema),
    errors: [],
    requires: "media.write",
    rest: { method: "POST", path: "/api/v2/media/sync", status: 200 },
    changes: true,
    events: ["media.changed"],
    example: {
      input: {},
      output: { directory: "/srv/nano/incoming", items: [{ file: "netinst.iso", id: ids.media }] },
    },
  }),
};
