/** Disk images and media are two kinds of the same thing: a verified file with a record. */
import { permissionNames } from "../actor.ts";
import type { Bytes } from "../brand.ts";
import { operation } from "../operation.ts";
import {
  DeclaredFormat,
  DiskSource,
  Image,
  imageStates,
  Media,
  UploadTicket,
  VisibilitySchema,
  visibilities,
} from "../records.ts";
import {
  BytesSchema,
  Closed,
  Description,
  DiskGiB,
  HttpUrl,
  ImageIdSchema,
  ImageTags,
  Label,
  MediaIdSchema,
  NewLabel,
  Nothing,
  OneOf,
  Page,
  pageInput,
  Revision,
  Sha256Schema,
  TicketText,
  Type,
  Word,
} from "../schema.ts";
import { at, bytes, ids, image, media, sha256 } from "./examples.ts";

const listInput = Closed({
  ...pageInput,
  state: Type.Optional(OneOf(imageStates)),
  visibility: Type.Optional(OneOf(visibilities)),
  search: Type.Optional(Type.String({ maxLength: 64, description: "Part of the name or a tag" })),
});
const createFields = {
  /** The portal says it: who sends a wrong file there makes a new record with the right one. */
  forgetRefused: Type.Optional(
    Type.Boolean({
      description:
        "The record goes when the first file sent for it is refused for what it is, instead of being `failed`",
    }),
  ),
  name: NewLabel,
  description: Type.Optional(Description),
  tags: Type.Optional(ImageTags),
  bytes: Type.Optional(
    Type.Unsafe<Bytes>(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: "Size of the file, if known: refused at once if there is no room for it",
      }),
    ),
  ),
  sha256: Type.Optional(Sha256Schema),
  visibility: Type.Optional(VisibilitySchema),
};
const force = Type.Optional(Type.Boolean({ description: "Also while it is in use" }));
const revision = Type.Optional(Revision);
const upload = {
  url: "http://127.0.0.1:5860/upload/0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e11",
  ticket: "example-ticket",
  expiresAt: at,
};
/** Where a cell fetches the bytes; only services ask for it. */
const Source = Closed({
  name: Label,
  url: HttpUrl,
  ticket: TicketText,
  sha256: Sha256Schema,
  bytes: BytesSchema,
  virtualBytes: Type.Optional(BytesSchema),
  minimumDiskGiB: Type.Optional(DiskGiB),
  format: OneOf(["qcow2", "iso"]),
});
/** Who will use it: refused as if it were not there unless they may see it. Without, the service asks for itself. */
export const reader = Type.Optional(
  Closed({
    kind: OneOf(["user", "service", "operator", "anonymous"]),
    id: Word,
    name: Word,
    group: Type.Optional(Label),
    permissions: Type.Array(OneOf([...permissionNames, "*"]), { maxItems: 128 }),
  }),
);
const source = {
  name: "debian-12",
  url: "http://127.0.0.1:5860/blob/9f86",
  ticket: "example-ticket",
  sha256,
  bytes: bytes(217_000_000),
};

export const imageOperations = {
  "image.list": operation({
    owner: "images",
    summary: "List the disk images",
    input: listInput,
    output: Page(Image),
    errors: [],
    requires: "image.read",
    rest: {
      method: "GET",
      path: "/api/v2/images",
      status: 200,
      columns: ["id", "name", "state", "visibility", "bytes", "minimumDiskGiB", "owner", "modifiedAt"],
    },
    changes: false,
    events: [],
    example: { input: { state: "ready" }, output: { items: [image], total: 1 } },
  }),
  "image.get": operation({
    owner: "images",
    summary: "Show one disk image",
    input: Closed({ id: ImageIdSchema }),
    output: Image,
    errors: ["image-not-found"],
    requires: "image.read",
    rest: { method: "GET", path: "/api/v2/images/{id}", status: 200 },
    changes: false,
    events: [],
    example: { input: { id: ids.image }, output: image },
  }),
  "image.create": operation({
    owner: "images",
    summary: "Begin a disk image: answers where to upload its bytes",
    description:
      "Seen by its owner alone unless `visibility` says otherwise. A file that is no qcow2 is converted to it when it has arrived; `sha256` is of what is sent, the record's own of what is stored.",
    input: Closed({
      ...createFields,
      minimumDiskGiB: Type.Optional(DiskGiB),
      format: Type.Optional(DeclaredFormat),
    }),
    output: Closed({ image: Image, upload: UploadTicket }),
    errors: ["name-taken", "disk-full", "quota-exceeded", "image-too-large", "idempotency-key-reused"],
    requires: "image.write",
    rest: { method: "POST", path: "/api/v2/images", status: 201 },
    changes: true,
    events: ["image.changed"],
    example: {
      input: { name: "debian-12", tags: ["linux"] },
      output: { image: { ...image, state: "uploading" }, upload },
    },
  }),
  "image.upload": operation({
    owner: "images",
    summary: "Get a new upload ticket for a disk image that is not ready",
    description:
      "What arrived of a resumable upload (tus) is kept, and it goes on with this ticket; a whole upload (PUT) begins anew.",
    input: Closed({ id: ImageIdSchema }),
    output: UploadTicket,
    errors: ["image-not-found", "wrong-state", "upload-in-progress"],
    requires: "image.write",
    rest: { method: "POST", path: "/api/v2/images/{id}/upload", status: 200 },
    changes: true,
    events: ["image.changed"],
    example: { input: { id: ids.image }, output: upload },
  }),
  "image.delete": operation({
    owner: "images",
    summary: "Delete a disk image",
    description:
      "Refused while instances are made of it, unless forced: they keep running, for their cells hold their own verified copy, but none of them can be reset to it.",
    input: Closed({ id: ImageIdSchema, force, revision }),
    output: Nothing,
    errors: ["image-not-found", "in-use", "revision-mismatch"],
    requires: "image.write",
    rest: { method: "DELETE", path: "/api/v2/images/{id}", status: 204 },
    changes: true,
    events: ["image.deleted"],
    example: { input: { id: ids.image }, output: {} },
  }),
  "image.begin": operation({
    owner: "images",
    summary: "Register a disk image that a cell will send; succeeds when that one is registered already",
    description:
      "It waits for its file for two days; `image.upload` gives the ticket. Dry, it only says whether it could.",
    input: Closed({
      id: ImageIdSchema,
      name: Label,
      description: Description,
      tags: ImageTags,
      /** Who asked for it. */
      owner: Label,
      /** The default group when absent. */
      group: Type.Optional(Label),
      source: DiskSource,
      bytes: Type.Optional(BytesSchema),
      dryRun: Type.Optional(Type.Boolean()),
    }),
    output: Nothing,
    errors: ["name-taken", "disk-full", "quota-exceeded", "image-too-large"],
    requires: "internal",
    changes: true,
    events: ["image.changed"],
    example: {
      input: {
        id: ids.image,
        name: "web-1-golden",
        description: "",
        tags: [],
        owner: "admin",
        source: { from: "instance", instance: ids.instance, name: "web-1", disk: "system" },
      },
      output: {},
    },
  }),
  "image.source": operation({
    owner: "images",
    summary: "Tell a cell where to fetch a disk image",
    input: Closed({ id: ImageIdSchema, reader }),
    output: Source,
    errors: ["image-not-found", "image-not-ready"],
    requires: "internal",
    changes: false,
    events: [],
    example: { input: { id: ids.image }, output: { ...source, virtualBytes: bytes(2 * 2 ** 30), format: "qcow2" } },
  }),
};

export const mediaOperations = {
  "media.list": operation({
    owner: "images",
    summary: "List the media images",
    input: listInput,
    output: Page(Media),
    errors: [],
    requires: "media.read",
    rest: {
      method: "GET",
      path: "/api/v2/media",
      status: 200,
      columns: ["id", "name", "state", "visibility", "bytes", "owner", "modifiedAt"],
    },
    changes: false,
    events: [],
    example: { input: { state: "ready" }, output: { items: [media], total: 1 } },
  }),
  "media.get": operation({
    owner: "images",
    summary: "Show one media image",
    input: Closed({ id: MediaIdSchema }),
    output: Media,
    errors: ["media-not-found"],
    requires: "media.read",
    rest: { method: "GET", path: "/api/v2/media/{id}", status: 200 },
    changes: false,
    events: [],
    example: { input: { id: ids.media }, output: media },
  }),
  "media.create": operation({
    owner: "images",
    summary: "Begin a media image: answers where to upload its bytes",
    description: "Seen by its owner alone unless `visibility` says otherwise.",
    input: Closed(createFields),
    output: Closed({ media: Media, upload: UploadTicket }),
    errors: ["name-taken", "disk-full", "quota-exceeded", "image-too-large", "idempotency-key-reused"],
    requires: "media.write",
    rest: { method: "POST", path: "/api/v2/media", status: 201 },
    changes: true,
    events: ["media.changed"],
    example: { input: { name: "debian-12-netinst" }, output: { media: { ...media, state: "uploading" }, upload } },
  }),
  "media.upload": operation({
    owner: "images",
    summary: "Get a new upload ticket for a media image that is not ready",
    description:
      "What arrived of a resumable upload (tus) is kept, and it goes on with this ticket; a whole upload (PUT) begins anew.",
    input: Closed({ id: MediaIdSchema }),
    output: UploadTicket,
    errors: ["media-not-found", "wrong-state", "upload-in-progress"],
    requires: "media.write",
    rest: { method: "POST", path: "/api/v2/media/{id}/upload", status: 200 },
    changes: true,
    events: ["media.changed"],
    example: { input: { id: ids.media }, output: upload },
  }),
  "media.delete": operation({
    owner: "images",
    summary: "Delete a media image",
    description:
      "Refused while it is in an instance's drive, unless forced: the guest keeps reading its cell's own verified copy until that is ejected.",
    input: Closed({ id: MediaIdSchema, force, revision }),
    output: Nothing,
    errors: ["media-not-found", "in-use", "revision-mismatch"],
    requires: "media.write",
    rest: { method: "DELETE", path: "/api/v2/media/{id}", status: 204 },
    changes: true,
    events: ["media.deleted"],
    example: { input: { id: ids.media }, output: {} },
  }),
  "media.source": operation({
    owner: "images",
    summary: "Tell a cell where to fetch a media image",
    input: Closed({ id: MediaIdSchema, reader }),
    output: Source,
    errors: ["media-not-found", "image-not-ready"],
    requires: "internal",
    changes: false,
    events: [],
    example: { input: { id: ids.media }, output: { ...source, format: "iso" } },
  }),
};
