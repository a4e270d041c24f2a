/** What a cell keeps of images and media: asked by people of the scheduler, and by that of the cell. */
import { operation } from "../operation.ts";
import {
  BytesSchema,
  CellIdSchema,
  Closed,
  Count,
  ImageIdSchema,
  Label,
  limits,
  MediaIdSchema,
  OneOf,
  Sha256Schema,
  type Static,
  TimestampSchema,
  Type,
} from "../schema.ts";
import { at, bytes, ids, sha256 } from "./examples.ts";
import { reader } from "./image.ts";

export const fileStates = ["ready", "fetching", "damaged", "missing"] as const;

/** One file in a cell's storage, as the cell knows it. */
export const KeptFile = Closed({
  sha256: Sha256Schema,
  format: OneOf(["qcow2", "iso"], "Of a disk image, or of a medium"),
  bytes: BytesSchema,
  state: OneOf(fileStates, "`damaged` and `missing` ones are in use, and fetched again by themselves if that can be"),
  users: Type.Integer({ ...Count, description: "How many disks or drives need it" }),
  fetchedAt: Type.Optional(TimestampSchema),
  usedAt: Type.Optional(
    Type.Unsafe<Static<typeof TimestampSchema>>({
      ...TimestampSchema,
      description: "When something last needed it, to the day",
    }),
  ),
  verifiedAt: Type.Optional(TimestampSchema),
});
export type KeptFile = Static<typeof KeptFile>;

const Named = <T extends typeof ImageIdSchema | typeof MediaIdSchema>(id: T) => Closed({ id, name: Label });

/** A record whose content the file is. */
const named = { image: Type.Optional(Named(ImageIdSchema)), media: Type.Optional(Named(MediaIdSchema)) };
const Removed = Closed({ files: Count, bytes: BytesSchema });

const one = Closed({ id: CellIdSchema });
const file: KeptFile = {
  sha256,
  format: "qcow2",
  bytes: bytes(217_000_000),
  state: "ready",
  users: 1,
  fetchedAt: at,
  usedAt: at,
  verifiedAt: at,
};
const shared = { requires: "internal" as const, events: [] };
const failures = ["cell-not-found", "cell-offline", "hypervisor-failed"] as const;

export const cellFileOperations = {
  "cell.files": operation({
    owner: "scheduler",
    summary: "Show the image files that a cell keeps",
    description:
      "Fetched once and shared by all instances made of them. What nothing needs any more is removed after some time, and when there is no room.",
    input: one,
    output: Closed({
      items: Type.Array(Closed({ ...KeptFile.properties, ...named }), { maxItems: limits.filesOfCell }),
      bytes: BytesSchema,
      unusedBytes: BytesSchema,
    }),
    errors: failures,
    requires: "cell.read",
    rest: {
      method: "GET",
      path: "/api/v2/cells/{id}/files",
      status: 200,
      columns: ["image.name", "media.name", "format", "state", "bytes", "users", "usedAt", "sha256"],
    },
    changes: false,
    events: [],
    deadlineMs: 20_000,
    example: {
      input: { id: ids.cell },
      output: {
        items: [{ ...file, image: { id: ids.image, name: "debian-12" } }],
        bytes: file.bytes,
        unusedBytes: bytes(0),
      },
    },
  }),
  "cell.clean": operation({
    owner: "scheduler",
    summary: "Remove the image files that nothing on a cell needs",
    description:
      "Those that were asked for in the last five minutes stay: an instance may be about to be made of them.",
    input: one,
    output: Removed,
    errors: failures,
    requires: "cell.write",
    rest: { method: "POST", path: "/api/v2/cells/{id}/clean", status: 200 },
    changes: true,
    events: [],
    deadlineMs: 30_000,
    example: { input: { id: ids.cell }, output: { files: 2, bytes: bytes(434_000_000) } },
  }),
  "image.identify": operation({
    ...shared,
    owner: "images",
    summary: "Tell which ready images and media have this content",
    input: Closed({
      files: Type.Array(Sha256Schema, { maxItems: 1_000 }),
      reader,
    }),
    output: Closed({ items: Type.Array(Closed({ sha256: Sha256Schema, ...named }), { maxItems: 1_000 }) }),
    errors: [],
    changes: false,
    example: {
      input: { files: [sha256] },
      output: { items: [{ sha256, image: { id: ids.image, name: "debian-12" } }] },
    },
  }),
  "cell.volume.list": operation({
    ...shared,
    owner: "cell",
    summary: "List the fetched files in the storage pool",
    input: Closed({}),
    output: Closed({ items: Type.Array(KeptFile, { maxItems: limits.filesOfCell }) }),
    errors: ["hypervisor-failed"],
    changes: false,
    deadlineMs: 15_000,
    example: { input: {}, output: { items: [file] } },
  }),
  "cell.volume.clean": operation({
    ...shared,
    owner: "cell",
    summary: "Remove the fetched files that nothing needs",
    input: Closed({}),
    output: Removed,
    errors: ["hypervisor-failed"],
    changes: true,
    deadlineMs: 25_000,
    example: { input: {}, output: { files: 2, bytes: bytes(434_000_000) } },
  }),
};
