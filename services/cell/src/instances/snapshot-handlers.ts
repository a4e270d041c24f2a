/** The cell's operations on snapshots (packages/contract, operations/on-cell-snapshot.ts). */
import type { Handlers } from "@nano/bus";
import type { InstanceId, Observed, OperationsOf, TaskId } from "@nano/contract";
import type { Hypervisor } from "../hypervisor.ts";
import type { LongWork } from "./long-work.ts";

type SnapshotOperations = Extract<OperationsOf<"cell">, `cell.snapshot.${string}`>;
interface Order {
  readonly id: InstanceId;
  readonly epoch: number;
  readonly task: TaskId;
}

export interface SnapshotContext {
  readonly hypervisor: Hypervisor;
  readonly longWork: LongWork;
  /** Runs a command in its turn, unless it is older than what is known. */
  command<T>(order: { id: InstanceId; epoch: number }, work: () => Promise<T>): Promise<T>;
  observed(id: InstanceId): Promise<Observed>;
}

export const snapshotHandlers = ({
  hypervisor,
  longWork,
  command,
  observed,
}: SnapshotContext): Pick<Handlers<"cell">, SnapshotOperations> => {
  const work = (order: Order, what: string, begin: () => Promise<void>) =>
    command(order, async () => {
      const ready = await longWork.join(order.id, `${order.task} ${what}`, begin);
      return { ready, observed: await observed(order.id) };
    });
  return {
    "cell.snapshot.list": async ({ id }) => ({ items: await hypervisor.snapshots(id) }),
    "cell.snapshot.create": ({ id, epoch, task, snapshot, name, description, createdBy, memory }) =>
      work({ id, epoch, task }, "create", () =>
        hypervisor.createSnapshot(id, { id: snapshot, name, description, createdBy, memory }),
      ),
    "cell.snapshot.restore": ({ id, epoch, task, snapshot, spec }) =>
      work({ id, epoch, task }, "restore", () => hypervisor.restoreSnapshot(spec, snapshot)),
    "cell.snapshot.delete": ({ id, epoch, task, snapshot, force }) =>
      work({ id, epoch, task }, "delete", () => hypervisor.deleteSnapshot(id, snapshot, force)),
  };
};
