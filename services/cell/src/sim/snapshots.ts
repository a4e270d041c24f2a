/** The snapshots of one simulated instance: the tree alone, as there is nothing to keep. */
import { NanoError, type Snapshot, type SnapshotId, snapshotHold } from "@nano/contract";
import type { SnapshotRequest } from "../hypervisor.ts";

export class SnapshotTree {
  readonly #all = new Map<SnapshotId, Snapshot>();
  #current: SnapshotId | undefined;

  get count(): number {
    return this.#all.size;
  }

  list(): Snapshot[] {
    return [...this.#all.values()].map((each) => ({ ...each, current: each.id === this.#current }));
  }

  take(
    { id, name, description, createdBy, memory }: SnapshotRequest,
    running: boolean,
    createdAt: Snapshot["createdAt"],
  ): void {
    if (this.#all.has(id)) return;
    const parent = this.#current === undefined ? {} : { parent: this.#current };
    const kept = { running, memory, current: true };
    this.#all.set(id, { id, name, description, createdAt, createdBy, ...parent, ...kept });
    this.#current = id;
  }

  /** @throws NanoError `snapshot-not-found` */
  goBack(id: SnapshotId): Snapshot {
    const found = this.#all.get(id);
    if (!found) throw new NanoError("snapshot-not-found", `There is no snapshot ${id}`, { details: { snapshot: id } });
    this.#current = id;
    return found;
  }

  /** @throws NanoError `snapshot-in-use` */
  remove(id: SnapshotId, force: boolean): void {
    const all = this.list();
    const found = all.find((each) => each.id === id);
    if (!found) return;
    const hold = snapshotHold(found, all);
    if (hold !== undefined && !force)
      throw new NanoError("snapshot-in-use", `The snapshot ${found.name} cannot be deleted: ${hold}`, {
        details: { snapshot: id },
      });
    this.#all.delete(id);
    if (found.current) this.#current = found.parent;
    for (const [key, { parent: _, ...child }] of this.#all)
      if (this.#all.get(key)?.parent === id)
        this.#all.set(key, { ...child, ...(found.parent === undefined ? {} : { parent: found.parent }) });
  }
}
