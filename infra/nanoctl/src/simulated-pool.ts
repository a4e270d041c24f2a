/** Simulated cells have a pool of their own, so that nothing real is ever placed on one by accident. */
import type { Bus } from "@nano/bus";
import { type Cell, decode, PoolNameSchema } from "@nano/contract";
import { unlessRefused } from "./health.ts";

const poolName = "simulated";
const patienceMs = 60_000;
const asked = 500;

/** Waits until `count` simulated cells are known and in their pool. @returns how many are. */
export async function addSimulatedCells(
  bus: Bus,
  count: number,
  context: Parameters<Bus["call"]>[2],
): Promise<{ pool: string; cells: number }> {
  const pool = decode(PoolNameSchema, poolName, "naming the pool of simulated cells");
  const description = "Cells that only pretend";
  await unlessRefused("name-taken", bus.call("pool.create", { name: pool, description }, context));
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const cells = (await allCells(bus, context)).filter((cell) => cell.virtualization === "simulated");
    for (const cell of cells) {
      if (cell.pool !== undefined) continue;
      await unlessRefused("cell-in-pool", bus.call("cell.add", { id: cell.id, pool }, context));
    }
    if (cells.filter((cell) => cell.online).length >= count || performance.now() > deadline) {
      return { pool, cells: cells.length };
    }
    await Bun.sleep(200);
  }
}

async function allCells(bus: Bus, context: Parameters<Bus["call"]>[2]): Promise<Cell[]> {
  const cells: Cell[] = [];
  let cursor: string | undefined;
  do {
    const page = await bus.call("cell.list", { limit: asked, ...(cursor === undefined ? {} : { cursor }) }, context);
    cells.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return cells;
}
