/**
 * How full a pool gets under the policy "pack": instances of mixed sizes arrive until the twentieth that fits nowhere;
 * then, how much of the resource that ran out is promised? What is left is lost to fragmentation.
 */
import type { PoolName, Resources } from "@nano/contract";
import { place } from "@nano/scheduler/placement/place";
import { defaultPolicy, type Policy, promisableCores, promisableMemoryMiB } from "@nano/scheduler/placement/rule";
import { type CellFacts, Snapshot } from "@nano/scheduler/placement/snapshot";
import type { Bench, Row } from "../bench.ts";
import { atLeast } from "../target.ts";
import { cpuBound, emptyCell, type Mix, memoryBound, pick, plus, resources, seeded } from "../world/cells.ts";

const pool = "default" as PoolName;
const rejections = 20;

export const packing: Bench = {
  name: "packing",
  about: 'how full "pack" fills a pool before the twentieth rejection',
  async run({ quick }) {
    return [row("memory", memoryBound, quick), row("cores", cpuBound, quick)];
  },
};

function row(binding: "memory" | "cores", mix: Mix, quick: boolean): Row {
  const seeds = Array.from({ length: quick ? 3 : 7 }, (_, i) => i + 1);
  const used = (name: Policy["name"]) =>
    seeds.map((seed) => fill({ ...defaultPolicy, name }, mix, binding, seeded(seed), quick ? 50 : 100));
  return {
    what: `packing, ${binding}-bound: ${binding} promised at rejection ${rejections}`,
    measured: { unit: "%", samples: used("pack") },
    peer: { name: "lowest-load", figure: { unit: "%", samples: used("lowest-load") } },
    target: atLeast(98),
  };
}

/** The share of the binding resource that is promised in the end, in percent. */
function fill(policy: Policy, mix: Mix, binding: "memory" | "cores", random: () => number, hosts: number): number {
  const facts = new Map(
    Array.from({ length: hosts }, (_, n) => emptyCell(n, resources(32, 131_072, 40_000))).map((cell) => [
      cell.id,
      cell,
    ]),
  );
  const cells = new Snapshot(facts.values());
  for (let rejected = 0; rejected < rejections; ) {
    const request = pick(mix, random);
    const { winner } = place(cells, pool, request, policy);
    const cell = winner && facts.get(winner.cell);
    if (!cell) {
      rejected++;
      continue;
    }
    const filled = promised(cell, request);
    facts.set(cell.id, filled);
    cells.set(filled);
  }
  let reserved = 0;
  let promisable = 0;
  for (let i = 0; i < cells.count; i++) {
    reserved += (binding === "memory" ? cells.reservedMemoryMiB : cells.reservedCores)[i] ?? 0;
    promisable += binding === "memory" ? promisableMemoryMiB(cells, i, policy) : promisableCores(cells, i, policy);
  }
  return (reserved / promisable) * 100;
}

/** Nobody's memory or processor is in use yet: what decides is what was promised. */
const promised = (cell: CellFacts, request: Resources): CellFacts => ({
  ...cell,
  reserved: plus(cell.reserved, request),
  instances: cell.instances + 1,
});
