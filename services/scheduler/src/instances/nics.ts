/** The network interfaces of an instance that exists: what is asked of them. */
import type { Handlers, RequestContext } from "@nano/bus";
import { firstNic, type Input, type InstanceId, limits, NanoError, type Nic, type Task } from "@nano/contract";
import type { Write } from "../events/journal.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { beginner } from "./begin.ts";
import { changeInstance, requireInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import { freeMac } from "./mac.ts";
import type { NicState } from "./nic-sagas.ts";
import { macIsTaken, type StoredInstance } from "./store.ts";
import { toSpec } from "./view.ts";

type NicOperation = "nic.add" | "nic.remove";

export function nicHandlers(deps: InstanceDeps, engine: TaskEngine): Pick<Handlers<"scheduler">, NicOperation> {
  const { db, ask } = deps;
  const { requireAllowed, requireFree, answered, begin } = beginner(deps, engine);

  /** A snapshot with memory holds a machine with the interfaces of then. @throws NanoError `has-snapshots` */
  const requireNoMemory = async ({ id, cell, name, snapshots }: StoredInstance, requestId: string): Promise<void> => {
    if (snapshots === 0) return;
    const { items } = await ask(cell, "cell.snapshot.list", { id }, requestId);
    const [holding] = items.filter(({ memory }) => memory);
    if (holding === undefined) return;
    throw new NanoError(
      "has-snapshots",
      `Delete the snapshot ${holding.name} of ${name}, which holds memory, to change network interfaces`,
      { remedy: "Delete its snapshots with memory first.", details: { snapshot: holding.id } },
    );
  };

  const work = (operation: NicOperation) => {
    const action: "add-nic" | "remove-nic" = operation === "nic.add" ? "add-nic" : "remove-nic";
    return {
      operation,
      action,
      /** What the cell is asked before anything begins, outside of the transaction that begins it. */
      look: async (id: InstanceId, { requestId }: RequestContext): Promise<void> => {
        const instance = await requireInstance(db, id);
        requireFree(instance, operation);
        requireAllowed(instance, action);
        await requireNoMemory(instance, requestId);
      },
    };
  };
  const add = work("nic.add");
  const remove = work("nic.remove");

  return {
    "nic.add": async (input, context): Promise<Task> => {
      const before = await answered("nic.add", input, context);
      if (before) return before;
      await add.look(input.id, context);
      // Chosen once: the task and what is reserved in its transaction mean the same one.
      let nic: Nic | undefined;
      return begin({
        ...{ operation: add.operation, action: add.action, input, context },
        stateOf: async (instance, trx) => {
          nic = await newNic(trx, instance, input);
          return stateOf(instance, nic, [...instance.nics, nic]);
        },
        prepare: (instance, trx) =>
          changeInstance(deps, trx, instance, { nics: [...instance.nics, ...(nic ? [nic] : [])] }, context),
      });
    },
    "nic.remove": async (input, context): Promise<Task> => {
      const before = await answered("nic.remove", input, context);
      if (before) return before;
      await remove.look(input.id, context);
      return begin({
        ...{ operation: remove.operation, action: remove.action, input, context },
        stateOf: (instance) => {
          const nic = removableNic(instance, input.nic);
          return stateOf(
            instance,
            nic,
            instance.nics.filter(({ name }) => name !== nic.name),
          );
        },
      });
    },
  };
}

const stateOf = (instance: StoredInstance, nic: Nic, nics: readonly Nic[]): NicState => {
  const { id, epoch, cell } = instance;
  return { id, epoch, cell, nic, before: toSpec(instance), after: toSpec({ ...instance, nics }) };
};

/** @throws NanoError `limit-reached`, `mac-taken` */
const newNic = async (trx: Write, instance: StoredInstance, { mac: given, model }: Input<"nic.add">): Promise<Nic> => {
  const names = Array.from({ length: limits.nics }, (_, n) => `nic-${n + 1}`);
  const name = names.find((candidate) => !instance.nics.some((nic) => nic.name === candidate));
  if (name === undefined)
    throw new NanoError("limit-reached", `${instance.name} has ${limits.nics} network interfaces; there are no more`, {
      remedy: "Remove one that is not needed.",
      details: { limit: limits.nics },
    });
  const mac = given?.toLowerCase() ?? (await freeMac(trx, instance.id));
  if (given !== undefined && (await macIsTaken(trx, mac)))
    throw new NanoError("mac-taken", `There is a network interface with the address ${mac} already`, {
      details: { mac },
    });
  return { name, mac, ...(model === undefined ? {} : { model }) };
};

/** @throws NanoError `nic-not-found`, `invalid-input` */
const removableNic = ({ name, nics }: StoredInstance, wanted: string): Nic => {
  const found = nics.find((nic) => nic.name === wanted);
  if (!found)
    throw new NanoError("nic-not-found", `${name} has no network interface ${wanted}`, {
      details: { nic: wanted, nics: nics.map((nic) => nic.name) },
    });
  if (found.name !== firstNic) return found;
  const message = `${firstNic} stays as long as its instance: its address is the instance's`;
  throw new NanoError("invalid-input", message, {
    remedy: "Take its link down inside the guest.",
    details: { fields: [{ path: "/nic", message }] },
  });
};
