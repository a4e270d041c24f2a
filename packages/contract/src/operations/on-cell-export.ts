/**
 * What the scheduler asks of a cell to make an image of a disk: copy it, send the copy to the image service, forget the
 * copy. The copy bears the id of the image it becomes. The first two are begun once and asked after until they are
 * ready; a failure is told once.
 */
import { operation } from "../operation.ts";
import { BytesSchema, Closed, Count, DiskName, ImageIdSchema, InstanceIdSchema, Nothing, Type } from "../schema.ts";
import { bytes, ids } from "./examples.ts";

const shared = { owner: "cell" as const, requires: "internal" as const, events: [], changes: true, deadlineMs: 10_000 };
const one = { id: InstanceIdSchema, epoch: Count, image: ImageIdSchema };
const example = { id: ids.instance, epoch: 1, image: ids.image };
const progress = Closed({ ready: Type.Boolean(), bytesDone: BytesSchema, bytesTotal: BytesSchema });
const underWay = { ready: false, bytesDone: bytes(1_024), bytesTotal: bytes(2_048) };

export const onCellExportOperations = {
  "cell.disk.copy-export": operation({
    ...shared,
    summary: "Copy a disk, as it is now, into a compact file of its own",
    input: Closed({ ...one, disk: DiskName }),
    output: progress,
    errors: [
      "stale-epoch",
      "instance-not-found",
      "disk-not-found",
      "disk-missing",
      "wrong-state",
      "disk-full",
      "hypervisor-failed",
      "busy",
    ],
    example: { input: { ...example, disk: "system" }, output: underWay },
  }),
  "cell.disk.send-export": operation({
    ...shared,
    summary: "Send the copy to the image service",
    description: "A ticket begins it, unless it is under way; without one it is only asked after.",
    input: Closed({
      ...one,
      upload: Type.Optional(
        Closed({ url: Type.String({ maxLength: 2_048 }), ticket: Type.String({ maxLength: 1_024 }) }),
      ),
    }),
    output: progress,
    errors: [
      "stale-epoch",
      "hypervisor-failed",
      "disk-missing",
      "disk-full",
      "quota-exceeded",
      "checksum-mismatch",
      "image-too-large",
      "image-format-invalid",
      "image-unsafe",
      "image-damaged",
      "conversion-failed",
      "conversion-unavailable",
      "wrong-state",
      "ticket-invalid",
      "upload-in-progress",
      "image-not-found",
      "cancelled",
    ],
    example: {
      input: { ...example, upload: { url: "http://127.0.0.1:5860/upload/0197", ticket: "example-ticket" } },
      output: underWay,
    },
  }),
  "cell.disk.end-export": operation({
    ...shared,
    summary: "End what is sent of the copy, and delete it; succeeds when there is none",
    input: Closed(one),
    output: Nothing,
    errors: ["stale-epoch", "hypervisor-failed"],
    example: { input: example, output: {} },
  }),
};
