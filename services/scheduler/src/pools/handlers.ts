/** Pools: named groups of cells. `default` is there from the start and stays. */
import type { Handlers, RequestContext } from "@nano/bus";
import {
  decode,
  NanoError,
  type OperationsOf,
  type Pool,
  type PoolName,
  PoolNameSchema,
  requireRevision,
  timestamp,
} from "@nano/contract";
import type { Kysely } from "kysely";
import { type CellRegistry, usageOfCells } from "../cells/registry.ts";
import { countCellsOfPool } from "../cells/store.ts";
import { resourcesOf } from "../cells/view.ts";
import type { Database } from "../database.ts";
import type { Journal, Write } from "../events/journal.ts";
import { countOfPool } from "../instances/usage.ts";
import { pageOfAll } from "../page.ts";
import { gib, mib } from "../units.ts";
import { deletePool, findPool, insertPool, listPools, type PoolTable } from "./store.ts";

export const defaultPool: PoolName = decode(PoolNameSchema, "default", "Naming the default pool");

export interface PoolDeps {
  readonly db: Kysely<Database>;
  readonly journal: Journal;
  readonly registry: CellRegistry;
  readonly clock: { now(): number };
}

/** Makes the default pool, if this is the first start. */
export async function ensureDefaultPool({ journal, clock }: Pick<PoolDeps, "journal" | "clock">): Promise<void> {
  await journal.write(async (trx) => {
    if (await findPool(trx, defaultPool)) return;
    const row: PoolTable = { name: defaultPool, description: "", created_at: timestamp(clock.now()), revision: 1 };
    await insertPool(trx, row);
    await journal.tell(trx, "pool.created", row.name, { name: row.name });
  });
}

/** @throws NanoError `pool-not-found` */
export async function requirePool(db: Kysely<Database>, name: PoolName): Promise<PoolTable> {
  const pool = await findPool(db, name);
  if (!pool) throw new NanoError("pool-not-found", `There is no pool '${name}'`, { details: { pool: name } });
  return pool;
}

type PoolOperations = Exclude<Extract<OperationsOf<"scheduler">, `pool.${string}`>, `${string}.statistics`>;

export function poolHandlers(deps: PoolDeps): Pick<Handlers<"scheduler">, PoolOperations> {
  const { db, journal, registry, clock } = deps;

  const toPool = (row: PoolTable): Pool => {
    const members = [...registry.all()].filter(({ stored }) => stored.pool === row.name);
    const sum = (amount: "cores" | "memoryMiB" | "storageGiB") =>
      members.reduce((total, { stored }) => total + stored.capacity[amount], 0);
    const usage = usageOfCells(members);
    return {
      name: row.name,
      description: row.description,
      cells: { total: members.length, online: members.filter(({ online }) => online).length },
      instances: { total: usage.total, running: usage.running },
      capacity: { cores: sum("cores"), memoryMiB: mib(sum("memoryMiB")), storageGiB: gib(sum("storageGiB")) },
      reserved: resourcesOf(usage),
      createdAt: row.created_at,
      revision: row.revision,
    };
  };

  const create = async (trx: Write, input: { name: PoolName; description?: string }, context: RequestContext) => {
    if (await findPool(trx, input.name))
      throw new NanoError("name-taken", `There is a pool '${input.name}' already`, { details: { pool: input.name } });
    const row: PoolTable = {
      name: input.name,
      description: input.description ?? "",
      created_at: timestamp(clock.now()),
      revision: 1,
    };
    await insertPool(trx, row);
    await journal.tell(trx, "pool.created", row.name, { name: row.name }, context);
    return toPool(row);
  };

  return {
    "pool.list": async (query) => {
      const page = pageOfAll(await listPools(db), query, (row) => row.name);
      return { ...page, items: page.items.map((row) => toPool(row)) };
    },
    "pool.get": async ({ name }) => {
      return toPool(await requirePool(db, name));
    },
    "pool.create": (input, context) => {
      const request = { key: context.idempotencyKey, actor: context.actor.id, operation: "pool.create", input };
      return journal.writeOnce(request, (trx) => create(trx, input, context));
    },
    "pool.delete": async (input, context) => {
      const { name, revision } = input;
      if (name === defaultPool) throw new NanoError("pool-protected", `The pool '${defaultPool}' stays`);
      const request = { key: context.idempotencyKey, actor: context.actor.id, operation: "pool.delete", input };
      await journal.writeOnce(request, async (trx) => {
        requireRevision(await requirePool(trx, name), revision);
        const cells = await countCellsOfPool(trx, name);
        const instances = await countOfPool(trx, name);
        if (cells > 0 || instances > 0)
          throw new NanoError(
            "pool-not-empty",
            `The pool '${name}' still has ${cells} cells and ${instances} instances`,
            {
              details: { cells, instances },
            },
          );
        await deletePool(trx, name);
        await journal.tell(trx, "pool.deleted", name, { name }, context);
        return {};
      });
      registry.forgetPool(name);
      return {};
    },
  };
}
