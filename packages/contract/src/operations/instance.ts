import { CloudInitInput } from "../cloud-init.ts";
import { Hardware, Qos, RestartPolicy, Tags, templateNames } from "../hardware.ts";
import { operation } from "../operation.ts";
import { Picture, pictureType } from "../picture.ts";
import { Decision, Instance, Plan, Task } from "../records.ts";
import {
  CellIdSchema,
  Closed,
  Cores,
  DecisionIdSchema,
  Description,
  DiskGiB,
  ImageIdSchema,
  InstanceIdSchema,
  Label,
  limits,
  MediaIdSchema,
  MemoryMiB,
  Name,
  Nothing,
  OneOf,
  Page,
  PoolNameSchema,
  pageInput,
  Revision,
  SerialText,
  Type,
} from "../schema.ts";
import { instanceStates } from "../states.ts";
import { createTask, decision, gib, ids, instance, mib, verbTask } from "./examples.ts";

const one = Closed({ id: InstanceIdSchema });
const dryRun = Type.Optional(Type.Boolean({ description: "Answer with the plan and change nothing" }));
const TaskOrPlan = Type.Union([Task, Plan]);
const CreateTask = Closed({
  ...Task.properties,
  generatedPassword: Type.Optional(
    Type.String({
      maxLength: 128,
      description:
        "Of the administrator in the guest: told in this answer, and for ten minutes to who repeats the request with its Idempotency-Key",
    }),
  ),
});

export const InstanceCreateInput = Closed({
  name: Name,
  pool: PoolNameSchema,
  cores: Cores,
  memoryMiB: MemoryMiB,
  systemDisk: Closed(
    { sizeGiB: DiskGiB, image: Type.Optional(ImageIdSchema) },
    { description: "Blank, or a copy-on-write clone of an image; at least as large as the image" },
  ),
  dataDisks: Type.Optional(Type.Array(Closed({ sizeGiB: DiskGiB }), { maxItems: limits.dataDisks })),
  autostart: Type.Optional(Type.Boolean({ description: "Start it when its cell's host starts; false by default" })),
  description: Type.Optional(Description),
  owner: Type.Optional(Label),
  tags: Type.Optional(Tags),
  template: Type.Optional(OneOf(templateNames, "Hardware that fits a kind of operating system; `linux` by default")),
  hardware: Type.Optional(
    Type.Partial(Hardware, { description: "What differs from the template", additionalProperties: false }),
  ),
  qos: Type.Optional(Qos),
  restart: Type.Optional(RestartPolicy),
  cloudInit: Type.Optional(CloudInitInput),
  start: Type.Optional(Type.Boolean({ description: "Start it once it is created; false by default" })),
  dryRun,
});

/** Everything but the id: at least one of it, or nothing happens. */
const changes = {
  name: Type.Optional(Name),
  description: Type.Optional(Description),
  owner: Type.Optional(Label),
  tags: Type.Optional(Tags),
  autostart: Type.Optional(Type.Boolean({ description: "Start it when its cell's host starts" })),
  restart: Type.Optional(RestartPolicy),
  cores: Type.Optional(Cores),
  memoryMiB: Type.Optional(MemoryMiB),
  qos: Type.Optional(Qos),
  hardware: Type.Optional(Type.Partial(Hardware, { description: "What of it changes", additionalProperties: false })),
};

export const guestPatience = { default: 120, max: 3_600 } as const;
const timeoutSeconds = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: guestPatience.max,
    description: `How long the guest may take before the task fails with \`guest-not-following\`. Default: ${guestPatience.default}. Without effect with \`force\`.`,
  }),
);
const verbErrors = ["instance-not-found", "wrong-state", "busy", "cell-offline", "hypervisor-failed"] as const;

export const instanceOperations = {
  "instance.list": operation({
    owner: "scheduler",
    summary: "List the instances",
    input: Closed({
      ...pageInput,
      pool: Type.Optional(PoolNameSchema),
      cell: Type.Optional(CellIdSchema),
      state: Type.Optional(OneOf(instanceStates)),
      search: Type.Optional(Type.String({ maxLength: 64, description: "Part of the name, or an address" })),
      sort: Type.Optional(OneOf(["name", "created", "state", "cores", "memory"])),
      descending: Type.Optional(Type.Boolean()),
    }),
    output: Page(Instance),
    errors: ["pool-not-found", "cell-not-found"],
    requires: "instance.read",
    rest: {
      method: "GET",
      path: "/api/v2/instances",
      status: 200,
      columns: ["id", "name", "state", "cellName", "cores", "memoryMiB", "addresses", "owner"],
    },
    changes: false,
    events: [],
    example: { input: { pool: ids.pool, state: "running" }, output: { items: [instance], total: 1 } },
  }),
  "instance.get": operation({
    owner: "scheduler",
    summary: "Show one instance",
    input: one,
    output: Instance,
    errors: ["instance-not-found"],
    requires: "instance.read",
    rest: { method: "GET", path: "/api/v2/instances/{id}", status: 200 },
    changes: false,
    events: [],
    example: { input: { id: ids.instance }, output: instance },
  }),
  "instance.create": operation({
    owner: "scheduler",
    summary: "Create an instance",
    description:
      "Chooses the cell with the lowest weighted load in the pool that has room, reserves, and answers at once with the task that makes it. " +
      "With `dryRun` the answer is the plan: where it would go, why, and what would be copied.",
    input: InstanceCreateInput,
    output: Type.Union([CreateTask, Plan]),
    errors: [
      "pool-not-found",
      "image-not-found",
      "image-not-ready",
      "disk-smaller-than-image",
      "name-taken",
      "no-room",
      "idempotency-key-reused",
    ],
    requires: "instance.create",
    rest: { method: "POST", path: "/api/v2/instances", status: 202 },
    changes: true,
    task: true,
    events: ["instance.created", "instance.changed", "task.changed"],
    example: {
      input: {
        name: "web-1",
        pool: ids.pool,
        cores: 2,
        memoryMiB: mib(2_048),
        systemDisk: { image: ids.image, sizeGiB: gib(20) },
      },
      output: createTask,
    },
  }),
  "instance.delete": operation({
    owner: "scheduler",
    summary: "Delete an instance and its disks",
    description:
      "An instance that is still being created is cancelled and removed. A running one must be stopped first.",
    input: Closed({ id: InstanceIdSchema, dryRun, revision: Type.Optional(Revision) }),
    output: TaskOrPlan,
    errors: ["instance-not-found", "wrong-state", "busy", "cell-offline", "revision-mismatch"],
    requires: "instance.delete",
    rest: { method: "DELETE", path: "/api/v2/instances/{id}", status: 202 },
    changes: true,
    task: true,
    events: ["instance.changed", "instance.deleted", "task.changed"],
    example: { input: { id: ids.instance }, output: verbTask("instance.delete", "Delete the instance and its disks") },
  }),
  "instance.forget": operation({
    owner: "scheduler",
    summary: "Forget an instance whose cell does not answer",
    description:
      "For a cell that never returns. The record goes at once, and its name, addresses and room are free; tasks that work on it are ended. Nothing is deleted on the cell: " +
      "should it return, what it has is shown by stray.list, and a person adopts or removes it.",
    input: one,
    output: Nothing,
    errors: ["instance-not-found", "wrong-state"],
    requires: "instance.delete",
    rest: { method: "POST", path: "/api/v2/instances/{id}/forget", status: 204 },
    changes: true,
    events: ["instance.deleted", "task.changed"],
    example: { input: { id: ids.instance }, output: {} },
  }),
  "instance.start": operation({
    owner: "scheduler",
    summary: "Start an instance",
    description: "With `media` it boots from that media image, once: to install or rescue a system.",
    input: Closed({ id: InstanceIdSchema, media: Type.Optional(MediaIdSchema) }),
    output: Task,
    errors: [...verbErrors, "media-not-found", "image-not-ready"],
    requires: "instance.operate",
    rest: { method: "POST", path: "/api/v2/instances/{id}/start", status: 202 },
    changes: true,
    task: true,
    events: ["instance.changed", "task.changed"],
    example: { input: { id: ids.instance }, output: verbTask("instance.start", "Start the instance") },
  }),
  "instance.stop": operation({
    owner: "scheduler",
    summary: "Stop an instance",
    description:
      "Presses the power button (ACPI): the guest shuts down by itself and the instance is `stopping` until it has. The task is done when the " +
      "instance is off; meanwhile it can be forced. With `force` it is like pulling the plug: unsaved data is lost.",
    input: Closed({
      id: InstanceIdSchema,
      force: Type.Optional(Type.Boolean({ description: "Like pulling the plug" })),
      timeoutSeconds,
    }),
    output: Task,
    errors: verbErrors,
    requires: "instance.operate",
    rest: { method: "POST", path: "/api/v2/instances/{id}/stop", status: 202 },
    changes: true,
    task: true,
    events: ["instance.changed", "task.changed"],
    example: { input: { id: ids.instance }, output: verbTask("instance.stop", "Press the power button") },
  }),
  "instance.reboot": operation({
    owner: "scheduler",
    summary: "Reboot an instance",
    description:
      "Asks the guest to restart itself (ACPI). The task is done when it has. With `force` it is like the reset button: unsaved data is lost.",
    input: Closed({
      id: InstanceIdSchema,
      force: Type.Optional(Type.Boolean({ description: "Like the reset button" })),
      timeoutSeconds,
    }),
    output: Task,
    errors: verbErrors,
    requires: "instance.operate",
    rest: { method: "POST", path: "/api/v2/instances/{id}/reboot", status: 202 },
    changes: true,
    task: true,
    events: ["instance.changed", "task.changed"],
    example: {
      input: { id: ids.instance, force: true },
      output: verbTask("instance.reboot", "Press the reset button"),
    },
  }),
  "instance.pause": operation({
    owner: "scheduler",
    summary: "Pause an instance",
    description: "Its processors stand still; its memory stays, and so do its connections if it is resumed soon.",
    input: one,
    output: Task,
    errors: verbErrors,
    requires: "instance.operate",
    rest: { method: "POST", path: "/api/v2/instances/{id}/pause", status: 202 },
    changes: true,
    task: true,
    events: ["instance.changed", "task.changed"],
    example: { input: { id: ids.instance }, output: verbTask("instance.pause", "Pause the instance") },
  }),
  "instance.resume": operation({
    owner: "scheduler",
    summary: "Resume a paused instance",
    description: "Also one that QEMU paused because its storage was full; there must be room again.",
    input: one,
    output: Task,
    errors: verbErrors,
    requires: "instance.operate",
    rest: { method: "POST", path: "/api/v2/instances/{id}/resume", status: 202 },
    changes: true,
    task: true,
    events: ["instance.changed", "task.changed"],
    example: { input: { id: ids.instance }, output: verbTask("instance.resume", "Resume the instance") },
  }),
  "instance.modify": operation({
    owner: "scheduler",
    summary: "Change an instance",
    description:
      "Send only what changes; `qos` and `tags` replace what was there as a whole. A running guest gets at once what can be had at once: limits, more cores, " +
      "memory within what it was started with. The rest is `pending` until its next start. With `revision` (over REST also as If-Match) it is refused when " +
      "someone else was quicker.",
    input: Closed({
      id: InstanceIdSchema,
      ...changes,
      revision: Type.Optional(Revision),
    }),
    output: Task,
    errors: [
      "instance-not-found",
      "wrong-state",
      "busy",
      "cell-offline",
      "name-taken",
      "no-room",
      "unsupported-by-cell",
      "revision-mismatch",
      "idempotency-key-reused",
    ],
    requires: "instance.modify",
    rest: { method: "PATCH", path: "/api/v2/instances/{id}", status: 202 },
    changes: true,
    task: true,
    events: ["instance.changed", "task.changed"],
    example: {
      input: { id: ids.instance, cores: 4, qos: { cpuPriority: "high", writeIops: 500 } },
      output: verbTask("instance.modify", "Change the instance"),
    },
  }),
  "instance.screen": operation({
    owner: "scheduler",
    summary: "Take a picture of an instance's screen",
    input: one,
    output: Picture,
    errors: ["instance-not-found", "no-screen", "cell-offline", "hypervisor-failed"],
    requires: "instance.read",
    rest: { method: "GET", path: "/api/v2/instances/{id}/screen", status: 200, binary: pictureType },
    changes: false,
    events: [],
    example: { input: { id: ids.instance }, output: { contentType: "image/png", base64: "iVBORw0KGgo=" } },
  }),
  "instance.serial": operation({
    owner: "scheduler",
    summary: "Read the end of an instance's serial console log",
    input: one,
    output: Closed({
      text: SerialText,
      truncated: Type.Boolean(),
    }),
    errors: ["instance-not-found", "cell-offline", "hypervisor-failed"],
    requires: "instance.read",
    rest: { method: "GET", path: "/api/v2/instances/{id}/serial", status: 200 },
    changes: false,
    events: [],
    example: { input: { id: ids.instance }, output: { text: "Debian GNU/Linux 12 web-1 ttyS0\n", truncated: false } },
  }),
  "decision.get": operation({
    owner: "scheduler",
    summary: "Explain a placement",
    description:
      "Why an instance is where it is: the cells considered, who removed each and with which numbers, the scores, winner and runner-up.",
    input: Closed({ id: DecisionIdSchema }),
    output: Decision,
    errors: ["decision-not-found"],
    requires: "instance.read",
    rest: { method: "GET", path: "/api/v2/decisions/{id}", status: 200 },
    changes: false,
    events: [],
    example: { input: { id: ids.decision }, output: decision },
  }),
};
