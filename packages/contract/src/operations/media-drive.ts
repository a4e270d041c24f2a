/** What is in an instance's CD drive while it runs. The media images themselves are in image.ts. */
import { operation } from "../operation.ts";
import { Task } from "../records.ts";
import { Closed, InstanceIdSchema, MediaIdSchema, Type } from "../schema.ts";
import { ids, verbTask } from "./examples.ts";

const force = Type.Optional(
  Type.Boolean({ description: "Also when the guest has locked the tray, like the pin-hole of a real drive" }),
);
const errors = [
  "instance-not-found",
  "wrong-state",
  "busy",
  "cell-offline",
  "tray-locked",
  "unsupported-by-cell",
  "hypervisor-failed",
] as const;
const changing = {
  owner: "scheduler" as const,
  output: Task,
  requires: "instance.operate" as const,
  changes: true,
  task: true as const,
  events: ["instance.changed", "task.changed"] as const,
};

export const mediaDriveOperations = {
  "media.insert": operation({
    ...changing,
    summary: "Insert media into a running instance's drive",
    description:
      "Its cell fetches the image first if it has not got it. What is in the drive already is replaced. It stays in the drive until it is ejected or the run ends; " +
      "to boot from media, see `instance.start`.",
    input: Closed({ id: InstanceIdSchema, media: MediaIdSchema, force }),
    errors: [...errors, "media-not-found", "image-not-ready"],
    rest: { method: "PUT", path: "/api/v2/instances/{id}/media", status: 202 },
    example: {
      input: { id: ids.instance, media: ids.media },
      output: verbTask("media.insert", "Put it into the drive"),
    },
  }),
  "media.eject": operation({
    ...changing,
    summary: "Eject the media from a running instance's drive",
    input: Closed({ id: InstanceIdSchema, force }),
    errors,
    rest: { method: "DELETE", path: "/api/v2/instances/{id}/media", status: 202 },
    example: { input: { id: ids.instance }, output: verbTask("media.eject", "Open the tray") },
  }),
};
