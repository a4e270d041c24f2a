/**
 * Cells that are gone for good. A person forgets one: its record goes, its connection is ended, its key is refused. One
 * that nobody ever added to a pool goes by itself when it has been silent for long, and may come back.
 */
import type { Handlers } from "@nano/bus";
import {
  type CellId,
  type Clock,
  type ForgottenCell,
  type Log,
  NanoError,
  type TaskId,
  timestamp,
} from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Cause, Journal, Write } from "../events/journal.ts";
import type { Strays } from "../instances/strays.ts";
import { usageOfCell } from "../instances/usage.ts";
import { pageOfAll } from "../page.ts";
import { requireAlso } from "../permission.ts";
import { type CellKeys, forgottenCells, unproven, writeForgotten, writeReadmitted } from "./keys.ts";
import type { CellRegistry } from "./registry.ts";
import { deleteCell } from "./store.ts";

/** Ends the connections of these keys and refuses their JWTs: by public key, since which second. */
export type Expel = (expelled: Readonly<Record<string, number>>) => Promise<void>;

export interface ForgetDeps {
  readonly db: Kysely<Database>;
  readonly journal: Journal;
  readonly registry: CellRegistry;
  readonly keys: CellKeys;
  readonly strays: Strays;
  readonly clock: Clock;
  readonly log: Log;
  readonly expel: Expel;
  readonly forgetInstancesOf: (trx: Write, cell: CellId, cause?: Cause) => Promise<TaskId[]>;
  readonly dismiss: (tasks: readonly TaskId[]) => void;
}

const sortKey = ({ name = "", id }: ForgottenCell) => `${name} ${id}`;

export function forgetCellHandlers(
  deps: ForgetDeps,
): Pick<Handlers<"scheduler">, "cell.forget" | "cell.forgotten" | "cell.readmit"> {
  const { db, journal, registry, keys, strays, clock, log, expel } = deps;
  return {
    "cell.forget": async (input, context) => {
      const { id, force = false } = input;
      const request = { key: context.idempotencyKey, actor: context.actor.id, operation: "cell.forget", input };
      const now = clock.now();
      const ended = await journal.writeOnce(request, async (trx) => {
        const { name } = registry.get(id).stored;
        const instances = (await usageOfCell(trx, id)).total;
        if (instances > 0 && !force)
          throw new NanoError("cell-not-empty", `The cell ${name} still hosts ${instances} instances`, {
            remedy: "Delete them, or forget them with the cell: force.",
            details: { instances },
          });
        if (instances > 0) requireAlso(context.actor, "instance.forget");
        const tasks = await deps.forgetInstancesOf(trx, id, context);
        await writeForgotten(trx, { id, name }, keys.of(id) ?? unproven, timestamp(now));
        await deleteCell(trx, id);
        await journal.tell(trx, "cell.forgotten", id, { name }, context);
        return tasks;
      });
      keys.forgotten(id, now);
      registry.remove(id);
      strays.keepOnly(id, () => false);
      deps.dismiss(ended);
      // Its key is refused already; what is left of its connection is ended again at the next start.
      await expel(keys.expelled).catch((error) =>
        log.error("Could not end a forgotten cell's connection", { id, error }),
      );
      return {};
    },
    "cell.forgotten": async (query) => {
      const cells = (await forgottenCells(db)).sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
      return pageOfAll(cells, query, sortKey);
    },
    "cell.readmit": async ({ id }) => {
      if (!keys.isForgotten(id))
        throw new NanoError("cell-not-found", `No cell ${id} was forgotten`, { details: { id } });
      await journal.write((trx) => writeReadmitted(trx, id));
      keys.readmitted(id);
      return {};
    },
  };
}
