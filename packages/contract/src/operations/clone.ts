/** Another instance like one there is, with its disks as they are. */
import { GuestNetwork } from "../cloud-init.ts";
import { Tags } from "../hardware.ts";
import { operation } from "../operation.ts";
import { Plan, Task } from "../records.ts";
import { Closed, Description, InstanceIdSchema, Label, Name, OneOf, Type } from "../schema.ts";
import { ids, verbTask } from "./examples.ts";

export const cloneModes = ["full", "linked"] as const;

export const cloneOperations = {
  "instance.clone": operation({
    owner: "scheduler",
    summary: "Clone an instance",
    description:
      "Makes another instance with the source's size, settings and disks, on the source's cell. The source must be off. A `full` clone has copies of the disks and " +
      "depends on nothing. A `linked` one takes milliseconds and hardly any room: what is on the source's disks becomes common ground that neither changes, and both write into files " +
      "of their own over it; the source must have no snapshots. The clone has an id, an address of its network card and a cloud-init drive of its own: to cloud-init its first start is a " +
      "first boot, with the clone's name as host name, and with `network`, which is needed where the source's address is static. There its guest also makes its machine id and " +
      "host keys anew, forgets leases and the source's name, and starts once more. A guest without cloud-init keeps all that of its source: change it inside. With `dryRun` the answer is the plan. The task's `resource` is the clone.",
    input: Closed({
      id: InstanceIdSchema,
      name: Name,
      description: Type.Optional(Description),
      mode: Type.Optional(OneOf(cloneModes, "`full` by default")),
      owner: Type.Optional(Label),
      tags: Type.Optional(Tags),
      network: Type.Optional(GuestNetwork),
      start: Type.Optional(Type.Boolean({ description: "Start it once it is made; false by default" })),
      dryRun: Type.Optional(Type.Boolean({ description: "Answer with the plan and change nothing" })),
    }),
    output: Type.Union([Task, Plan]),
    errors: [
      ...(["instance-not-found", "wrong-state", "busy", "cell-offline", "hypervisor-failed", "has-snapshots"] as const),
      ...(["name-taken", "no-room", "disk-full", "limit-reached", "idempotency-key-reused"] as const),
    ],
    requires: "instance.create",
    rest: { method: "POST", path: "/api/v2/instances/{id}/clone", status: 202 },
    changes: true,
    task: true,
    events: ["instance.created", "instance.changed", "task.changed"],
    example: {
      input: { id: ids.instance, name: "web-2", mode: "linked" },
      output: verbTask("instance.clone", "Lay the clone's disks over its source's"),
    },
  }),
};
