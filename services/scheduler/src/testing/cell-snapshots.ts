/**
 * A test cell's operations on snapshots: the tree of each domain, and work that is not done when it is first asked
 * after.
 */
import type { Handlers } from "@nano/bus";
import {
  type InstanceId,
  type InstanceSpec,
  NanoError,
  type Observed,
  type OperationsOf,
  type Snapshot,
  snapshotHold,
  timestamp,
} from "@nano/contract";

type SnapshotOperations = Extract<OperationsOf<"cell">, `cell.snapshot.${string}`>;

/** What of the cell these need. */
export interface SnapshotHost {
  take(name: SnapshotOperations, input: { id: InstanceId; epoch?: number }): Promise<void>;
  /** Work on snapshots ends; otherwise it is never done. */
  endsSnapshots(): boolean;
  snapshotsOf(id: InstanceId): Snapshot[];
  keep(id: InstanceId, snapshots: Snapshot[]): void;
  isRunning(id: InstanceId): boolean;
  become(id: InstanceId, spec: InstanceSpec, running: boolean): void;
  observed(id: InstanceId): Observed;
}

export function snapshotHandlers(host: SnapshotHost): Pick<Handlers<"cell">, SnapshotOperations> {
  const begun = new Set<string>();
  const answer = (id: InstanceId, key: string, work: () => void) => {
    const ready = host.endsSnapshots() && begun.delete(key);
    if (ready) work();
    else begun.add(key);
    return { ready, observed: host.observed(id) };
  };
  return {
    "cell.snapshot.list": async ({ id }) => ({ items: host.snapshotsOf(id) }),
    "cell.snapshot.create": async (input) => {
      await host.take("cell.snapshot.create", input);
      const { id, snapshot, name, description, memory, createdBy, task } = input;
      return answer(id, `${task} create`, () => {
        const before = host.snapshotsOf(id);
        if (before.some((each) => each.id === snapshot)) return;
        const parent = before.find(({ current }) => current)?.id;
        const running = host.isRunning(id);
        host.keep(id, [
          ...before.map((each) => ({ ...each, current: false })),
          {
            ...{ id: snapshot, name, description, memory, createdBy, running, current: true },
            ...(parent === undefined ? {} : { parent }),
            createdAt: timestamp(Date.now()),
          },
        ]);
      });
    },
    "cell.snapshot.restore": async (input) => {
      await host.take("cell.snapshot.restore", input);
      const { id, snapshot, spec, task } = input;
      return answer(id, `${task} restore`, () => {
        const all = host.snapshotsOf(id);
        const found = all.find((each) => each.id === snapshot);
        if (!found) throw new NanoError("snapshot-not-found", `There is no snapshot ${snapshot}`);
        host.keep(
          id,
          all.map((each) => ({ ...each, current: each === found })),
        );
        host.become(id, spec, found.memory);
      });
    },
    "cell.snapshot.delete": async (input) => {
      await host.take("cell.snapshot.delete", input);
      const { id, snapshot, force, task } = input;
      return answer(id, `${task} delete`, () => {
        const all = host.snapshotsOf(id);
        const gone = all.find((each) => each.id === snapshot);
        if (!gone) return;
        if (!force && snapshotHold(gone, all) !== undefined) throw new NanoError("snapshot-in-use", "It is in use");
        host.keep(
          id,
          all
            .filter((each) => each !== gone)
            .map(({ parent, ...each }) => {
              const above = parent === gone.id ? gone.parent : parent;
              const current = each.current || (gone.current && each.id === gone.parent);
              return { ...each, current, ...(above === undefined ? {} : { parent: above }) };
            }),
        );
      });
    },
  };
}
