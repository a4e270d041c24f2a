/** The same for many instances in one request: each has its own task, and its own answer. */
import { GuestPassword } from "../cloud-init.ts";
import { operation } from "../operation.ts";
import { ErrorRecord, Task } from "../records.ts";
import { Closed, Count, InstanceIdSchema, OneOf, type Static, Type, Word } from "../schema.ts";
import { createTask, gib, ids, mib, verbTask } from "./examples.ts";
import { InstanceCreateInput } from "./instance.ts";

export const batchMax = 100;
export const batchActions = ["start", "stop", "force-stop", "reboot", "force-reboot", "delete"] as const;
export type BatchAction = (typeof batchActions)[number];

export const BatchItem = Closed({
  id: Type.Optional(InstanceIdSchema),
  name: Type.Optional(Word),
  /** What has begun; or why nothing has. */
  task: Type.Optional(Task),
  error: Type.Optional(ErrorRecord),
  /** As `instance.create` tells it: once. */
  generatedPassword: Type.Optional(GuestPassword),
});
export type BatchItem = Static<typeof BatchItem>;

const Outcome = Closed({
  items: Type.Array(BatchItem, {
    maxItems: batchMax,
    description: "One for each, in the order asked for, with its task or its error",
  }),
  started: Count,
  refused: Count,
});

const { name: _name, dryRun: _dryRun, ...common } = InstanceCreateInput.properties;

const shared = { owner: "scheduler" as const, output: Outcome, changes: true, deadlineMs: 30_000 };
const each =
  "What one is refused does not keep the others from it. With an idempotency key each happens once, however often it is asked for.";

export const batchOperations = {
  "instance.batch": operation({
    ...shared,
    summary: "Start, stop, reboot or delete many instances",
    description: `${each} To delete takes the permission to delete, too.`,
    input: Closed({
      action: OneOf(batchActions),
      ids: Type.Array(InstanceIdSchema, { minItems: 1, maxItems: batchMax, uniqueItems: true }),
    }),
    errors: ["idempotency-key-reused"],
    requires: "instance.operate",
    rest: { method: "POST", path: "/api/v2/instances/batch", status: 200 },
    events: ["instance.changed", "task.changed"],
    example: {
      input: { action: "start", ids: [ids.instance] },
      output: {
        items: [{ id: ids.instance, name: "web-1", task: verbTask("instance.start", "Start the instance") }],
        started: 1,
        refused: 0,
      },
    },
  }),
  "instance.create-batch": operation({
    ...shared,
    summary: "Create many instances alike",
    description: `Named \`<prefix>-1\`, \`<prefix>-2\` and so on; each is placed by itself. ${each}`,
    input: Closed({
      prefix: Type.String({
        pattern: "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$",
        minLength: 1,
        maxLength: 59,
        description: "Letters, digits and '-', at most 59, not starting or ending with '-'",
      }),
      count: Type.Integer({ minimum: 1, maximum: batchMax, description: "How many" }),
      ...common,
    }),
    errors: ["idempotency-key-reused"],
    requires: "instance.create",
    rest: { method: "POST", path: "/api/v2/instances/create-batch", status: 200 },
    events: ["instance.created", "instance.changed", "task.changed"],
    example: {
      input: {
        prefix: "web",
        count: 1,
        pool: ids.pool,
        cores: 2,
        memoryMiB: mib(2_048),
        systemDisk: { image: ids.image, sizeGiB: gib(20) },
      },
      output: { items: [{ id: ids.instance, name: "web-1", task: createTask }], started: 1, refused: 0 },
    },
  }),
};
