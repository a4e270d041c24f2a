/** Everything that is asked about instances and of them. */
import type { Handlers } from "@nano/bus";
import { type InstanceId, NanoError, type OperationsOf } from "@nano/contract";
import { requirePool } from "../pools/handlers.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { accessHandlers } from "./access.ts";
import { batchHandlers } from "./batch.ts";
import { requireInstance } from "./change.ts";
import { cloneHandlers } from "./clone.ts";
import { createInstance } from "./create.ts";
import type { InstanceDeps } from "./deps.ts";
import { listInstances } from "./list.ts";
import { modifyInstance } from "./modify.ts";
import { operateHandlers } from "./operate.ts";
import type { StoredInstance } from "./store.ts";
import { toInstance } from "./view.ts";

type InstanceOperations = Exclude<
  Extract<OperationsOf<"scheduler">, `instance.${string}`>,
  `${string}.statistics` | "instance.forget"
>;

export function instanceHandlers(
  deps: InstanceDeps,
  engine: TaskEngine,
): Pick<Handlers<"scheduler">, InstanceOperations> {
  const { db, registry, ask, strays } = deps;
  const copiesOf = ({ id, cell: own }: StoredInstance) =>
    strays
      .copiesOf(id)
      .filter(({ cell }) => cell !== own)
      .map(({ cell, observed }) => ({ cell, cellName: registry.nameOf(cell), state: observed.state }));
  const view = (instance: StoredInstance) => toInstance(instance, registry.nameOf(instance.cell), copiesOf(instance));

  /** @throws NanoError `instance-not-found`, `cell-offline` */
  const onItsCell = async (id: InstanceId): Promise<StoredInstance> => {
    const instance = await requireInstance(db, id);
    if (registry.isOnline(instance.cell)) return instance;
    throw new NanoError(
      "cell-offline",
      `The cell ${registry.nameOf(instance.cell)} of ${instance.name} does not answer`,
      {
        details: { cell: instance.cell },
      },
    );
  };

  const alone = { ...operateHandlers(deps, engine), "instance.create": createInstance(deps, engine) };
  return {
    ...alone,
    ...cloneHandlers(deps, engine),
    ...accessHandlers(deps, engine),
    ...batchHandlers(deps, alone),
    "instance.modify": modifyInstance(deps, engine),
    "instance.list": async (query) => {
      if (query.pool !== undefined) await requirePool(db, query.pool);
      if (query.cell !== undefined) registry.get(query.cell);
      const page = await listInstances(db, query);
      return { ...page, items: page.items.map(view) };
    },
    "instance.get": async ({ id }) => view(await requireInstance(db, id)),
    "instance.screen": async ({ id }, { requestId }) =>
      ask((await onItsCell(id)).cell, "cell.instance.screen", { id }, requestId),
    "instance.serial": async ({ id }, { requestId }) =>
      ask((await onItsCell(id)).cell, "cell.instance.serial", { id }, requestId),
  };
}
