/** What a person decides about instances that cells have and that no record puts there. */
import type { Handlers } from "@nano/bus";
import { type CellId, type InstanceId, limits, NanoError, pageCarries, type Stray, timestamp } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import { requireAlso } from "../permission.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { adopt } from "./adopt.ts";
import { beginner } from "./begin.ts";
import { changeInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import { newestEpoch, requirePlausible, unknown } from "./epochs.ts";
import { observe } from "./observe.ts";
import { removeStray } from "./remove-stray.ts";
import { refreshUsage } from "./reserve.ts";
import { deleteTombstone, findInstance, findTombstone, insertTombstone } from "./store.ts";
import type { Stray as Found } from "./strays.ts";
import { toInstance } from "./view.ts";

export function strayHandlers(
  deps: InstanceDeps,
  engine: TaskEngine,
): Pick<Handlers<"scheduler">, "stray.list" | "stray.adopt" | "stray.remove"> {
  const { db, journal, registry, strays, clock, ask } = deps;
  const { requireFree } = beginner(deps, engine);

  const requireStray = (cell: CellId, id: InstanceId): Found => {
    const found = strays.find(registry.get(cell).stored.id, id);
    if (found) return found;
    throw new NanoError("instance-not-found", `${registry.nameOf(cell)} has no instance ${id} beside those on record`, {
      details: { cell, id },
      remedy: "List them with stray.list.",
    });
  };

  const view = async (on: Kysely<Database>, { cell, observed, why, detail }: Found): Promise<Stray> => {
    const { spec } = observed;
    const row = await findInstance(on, observed.id);
    return {
      cell,
      cellName: registry.nameOf(cell),
      id: observed.id,
      name: spec.name,
      reason: why,
      ...(detail === undefined ? {} : { detail }),
      state: observed.state,
      cores: spec.cores,
      memoryMiB: spec.memoryMiB,
      disks: [...spec.disks],
      owner: spec.owner,
      ...(row ? { recordedOn: row.cell } : {}),
    };
  };

  return {
    "stray.list": async ({ cell }) => {
      const cells = cell === undefined ? [...registry.all()] : [registry.get(cell)];
      // As many as a message carries; a cell that tells of thousands hides no other's.
      const found = cells.map(({ stored }) => strays.of(stored.id)).sort((a, b) => a.length - b.length);
      const carried = pageCarries(found.flat().slice(0, limits.instancesOfCell), ({ observed }) => observed.spec);
      return { items: await Promise.all(carried.map((stray) => view(db, stray))) };
    },
    "stray.adopt": async (input, context) => {
      const { cell, id } = input;
      const { pool } = registry.get(cell).stored;
      const request = { key: context.idempotencyKey, actor: context.actor.id, operation: "stray.adopt", input };
      const before = await journal.answered<ReturnType<typeof toInstance>>(request);
      if (before) return before.answer;
      const { observed } = requireStray(cell, id);
      // Refused below when the cell is in no pool: then it stays whose it is.
      if (observed.unclaimed && pool !== null)
        await ask(cell, "cell.instance.claim", { id, epoch: observed.epoch }, context.requestId);
      let other: CellId | undefined;
      const answer = await journal.writeOnce(request, async (trx) => {
        if (pool === null)
          throw new NanoError("cell-not-in-pool", `The cell ${registry.nameOf(cell)} is in no pool`, {
            remedy: "Add the cell to a pool first.",
          });
        const row = await findInstance(trx, id);
        requirePlausible(row ?? unknown, observed.epoch);
        const epoch = Math.max(observed.epoch, row?.epoch ?? 0, (await findTombstone(trx, id))?.epoch ?? 0);
        if (!row) {
          await deleteTombstone(trx, id);
          return toInstance(await adopt(deps, trx, { cell, pool }, observed, epoch, context), registry.nameOf(cell));
        }
        requireFree(row, "stray.adopt");
        other = row.cell;
        const { disks, cores, memoryMiB } = observed.spec;
        const here = { ...row, cell, pool, epoch, disks, cores, memoryMiB };
        const changes = { ...here, ...observe(here, observed, clock.now()) };
        return toInstance(await changeInstance(deps, trx, row, changes, context), registry.nameOf(cell));
      });
      strays.gone(cell, id);
      await refreshUsage(deps, cell);
      if (other !== undefined) await refreshUsage(deps, other);
      return answer;
    },
    "stray.remove": async ({ cell, id }, { actor, requestId }) => {
      requireAlso(actor, "instance.delete");
      const { observed } = requireStray(cell, id);
      const epoch = await journal.write(async (trx) => {
        const row = await findInstance(trx, id);
        // It has become the one on record meanwhile.
        if (row?.cell === cell) throw new NanoError("busy", `${row.name} is on record on ${registry.nameOf(cell)}`);
        const tombstone = await findTombstone(trx, id);
        const known = Math.max(row?.epoch ?? 0, tombstone?.epoch ?? 0);
        // So that no report which is still on its way has it taken in again. It is this cell's copy that was decided
        // about: one that another cell may have is shown, not removed.
        const kind = tombstone?.kind ?? "forgotten";
        const epoch = newestEpoch({ epoch: known, assignedEpoch: 0 }, observed.epoch);
        if (!row) await insertTombstone(trx, { id, name: observed.spec.name, epoch, kind }, timestamp(clock.now()));
        return Math.max(known, observed.epoch);
      });
      await removeStray(deps, cell, observed, epoch, "with-disks", requestId);
      strays.gone(cell, id);
      return {};
    },
  };
}
