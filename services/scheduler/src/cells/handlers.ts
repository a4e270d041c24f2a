/** Cells as people handle them: seen, added to a pool and taken out of it, enabled and disabled. */
import type { Handlers, RequestContext } from "@nano/bus";
import { type Cell, type CellId, type EventName, NanoError, type OperationsOf } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Journal } from "../events/journal.ts";
import type { Strays } from "../instances/strays.ts";
import { usageByCell, usageOfCell } from "../instances/usage.ts";
import { pageOfAll } from "../page.ts";
import { requirePool } from "../pools/handlers.ts";
import type { CellRegistry, KnownCell } from "./registry.ts";
import { type CellChanges, findCell, type StoredCell, updateCell } from "./store.ts";
import { toCell } from "./view.ts";

export interface CellDeps {
  readonly db: Kysely<Database>;
  readonly journal: Journal;
  readonly registry: CellRegistry;
  readonly clock: { monotonic(): number };
  readonly strays: Pick<Strays, "of">;
  /** The cell is in a pool now: what it has may be ours. */
  readonly onAdded: (cell: CellId) => void;
}

type CellOperations = Exclude<
  Extract<OperationsOf<"scheduler">, `cell.${string}`>,
  `${string}.statistics` | "cell.files" | "cell.clean" | "cell.forget" | "cell.forgotten" | "cell.readmit"
>;
const sortKey = ({ stored }: KnownCell) => `${stored.name} ${stored.id}`;

export function cellHandlers(deps: CellDeps): Pick<Handlers<"scheduler">, CellOperations> {
  const { db, journal, registry, clock } = deps;

  const sharesName = (cell: StoredCell): boolean =>
    [...registry.all()].some(({ stored }) => stored.name === cell.name && stored.id !== cell.id);
  const view = async (cells: readonly KnownCell[], on: Kysely<Database> = db): Promise<Cell[]> => {
    const usage = await usageByCell(
      on,
      cells.map(({ stored }) => stored.id),
    );
    return cells.map((cell) => {
      const { stored } = cell;
      return toCell(cell, usage.get(stored.id), sharesName(stored), deps.strays.of(stored.id).length);
    });
  };
  const viewOne = async (cell: KnownCell, on: Kysely<Database> = db): Promise<Cell> => {
    const [shown] = await view([cell], on);
    return shown ?? toCell(cell);
  };

  /** Changes what is stored of a cell, unless it is so already, tells of it, and answers with the cell. */
  const change = async (
    input: { id: CellId },
    context: RequestContext,
    operation: CellOperations,
    event: EventName,
    decide: (cell: StoredCell, trx: Kysely<Database>) => Promise<CellChanges | undefined>,
  ): Promise<Cell> => {
    const { id } = input;
    const known = registry.get(id);
    let changed: CellChanges | undefined;
    const request = { key: context.idempotencyKey, actor: context.actor.id, operation, input };
    const answer = await journal.writeOnce(request, async (trx) => {
      const before = (await findCell(trx, id)) ?? known.stored;
      changed = await decide(before, trx);
      if (!changed) return viewOne(known, trx);
      await updateCell(trx, id, changed);
      const pool = changed.pool ?? before.pool;
      await journal.tell(trx, event, id, { name: before.name, ...(pool === null ? {} : { pool }) }, context);
      return viewOne({ ...known, stored: { ...before, ...changed, revision: before.revision + 1 } }, trx);
    });
    if (changed) registry.changed(id, changed, clock.monotonic());
    return answer;
  };

  const setEnabled = (enabled: boolean) => (input: { id: CellId }, context: RequestContext) =>
    change(
      input,
      context,
      enabled ? "cell.enable" : "cell.disable",
      enabled ? "cell.enabled" : "cell.disabled",
      async (cell) => {
        if (cell.pool === null) throw new NanoError("cell-not-in-pool", `The cell ${cell.name} is in no pool`);
        return cell.enabled === enabled ? undefined : { enabled };
      },
    );

  return {
    "cell.list": async (query) => {
      if (query.pool !== undefined) await requirePool(db, query.pool);
      const cells = [...registry.all()]
        .filter(({ stored }) => query.pool === undefined || stored.pool === query.pool)
        .filter(({ stored }) => query.unassigned !== true || stored.pool === null)
        .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
      const page = pageOfAll(cells, query, sortKey, ({ stored }) => stored);
      return { ...page, items: await view(page.items) };
    },
    "cell.get": ({ id }) => viewOne(registry.get(id)),
    "cell.add": async (input, context) => {
      const { id, pool } = input;
      const added = await change(input, context, "cell.add", "cell.added", async (cell, trx) => {
        await requirePool(trx, pool);
        if (cell.pool !== null)
          throw new NanoError("cell-in-pool", `The cell ${cell.name} is in the pool '${cell.pool}' already`, {
            details: { pool: cell.pool },
          });
        return { pool, enabled: true };
      });
      deps.onAdded(id);
      return added;
    },
    "cell.remove": (input, context) =>
      change(input, context, "cell.remove", "cell.removed", async (cell, trx) => {
        if (cell.pool === null) throw new NanoError("cell-not-in-pool", `The cell ${cell.name} is in no pool`);
        const instances = (await usageOfCell(trx, cell.id)).total;
        if (instances > 0)
          throw new NanoError("cell-not-empty", `The cell ${cell.name} still hosts ${instances} instances`, {
            details: { instances },
          });
        return { pool: null };
      }),
    "cell.enable": setEnabled(true),
    "cell.disable": setEnabled(false),
  };
}
