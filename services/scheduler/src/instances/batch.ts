/** Many instances in one request: each goes through its own operation, with a key of its own. */
import type { Handlers, RequestContext } from "@nano/bus";
import {
  type BatchAction,
  type BatchItem,
  decode,
  type InstanceId,
  InstanceIdSchema,
  NanoError,
  type Output,
} from "@nano/contract";
import { requireAlso } from "../permission.ts";
import type { InstanceDeps } from "./deps.ts";
import { findInstance } from "./store.ts";

type Batch = Pick<Handlers<"scheduler">, "instance.batch" | "instance.create-batch">;
type Alone = Pick<
  Handlers<"scheduler">,
  "instance.create" | "instance.start" | "instance.stop" | "instance.reboot" | "instance.delete"
>;

/** The request's key, made one for each part of it. */
const contextOf = ({ idempotencyKey, ...context }: RequestContext, part: string): RequestContext => {
  if (idempotencyKey === undefined) return context;
  return {
    ...context,
    idempotencyKey: new Bun.CryptoHasher("sha256").update(`${idempotencyKey}\n${part}`).digest("hex"),
  };
};

type Answer = Output<"instance.create">;

const outcome = async (about: Pick<BatchItem, "id" | "name">, work: () => Answer | Promise<Answer>) => {
  try {
    const answer = await work();
    if (answer.kind !== "task") return about;
    const { generatedPassword, ...task } = answer;
    return { ...about, task, ...(generatedPassword === undefined ? {} : { generatedPassword }) };
  } catch (thrown) {
    return { ...about, error: NanoError.from(thrown, "working on one of many instances").toBody() };
  }
};

const summed = (items: BatchItem[]) => {
  const refused = items.filter(({ error }) => error !== undefined).length;
  return { items, started: items.length - refused, refused };
};

export function batchHandlers({ db }: Pick<InstanceDeps, "db">, alone: Alone): Batch {
  const act = (action: BatchAction, id: InstanceId, context: RequestContext) => {
    switch (action) {
      case "start":
        return alone["instance.start"]({ id }, context);
      case "stop":
        return alone["instance.stop"]({ id }, context);
      case "force-stop":
        return alone["instance.stop"]({ id, force: true }, context);
      case "reboot":
        return alone["instance.reboot"]({ id }, context);
      case "force-reboot":
        return alone["instance.reboot"]({ id, force: true }, context);
      case "delete":
        return alone["instance.delete"]({ id }, context);
    }
  };

  return {
    "instance.batch": async ({ action, ids }, context) => {
      if (action === "delete") requireAlso(context.actor, "instance.delete");
      const items = ids.map(async (id) => {
        const name = (await findInstance(db, id))?.name;
        return outcome({ id, ...(name === undefined ? {} : { name }) }, async () =>
          act(action, id, contextOf(context, `${action} ${id}`)),
        );
      });
      return summed(await Promise.all(items));
    },
    "instance.create-batch": async ({ prefix, count, ...input }, context) => {
      const items = Array.from({ length: count }, async (_, index) => {
        const name = `${prefix}-${index + 1}`;
        const item = await outcome({ name }, async () =>
          alone["instance.create"]({ ...input, name }, contextOf(context, name)),
        );
        if (!("task" in item)) return item;
        return { ...item, id: decode(InstanceIdSchema, item.task.resource.id, "Reading a task") };
      });
      return summed(await Promise.all(items));
    },
  };
}
