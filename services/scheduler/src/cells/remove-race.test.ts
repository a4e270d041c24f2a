/** A cell leaves its pool, or is disabled, while instances are being placed: no instance is on a cell of no pool. */
import { afterEach, expect, test } from "bun:test";
import type { PoolName } from "@nano/contract";
import { idOf, pool, World } from "../testing/world.ts";

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

const busy = (round: number) =>
  Array.from({ length: 70 }, (_, n) => world.call("pool.create", { name: `p-${round}-${n}` as PoolName }));

test.each(["cell.remove", "cell.disable"] as const)(
  "%s among creates",
  async (operation) => {
    world = await World.start({ cells: [{}, {}] });
    const { id } = world.cell;
    for (let round = 0; round < 8; round++) {
      // What is written together is told together: the registry learns of the first only after the last.
      const others = busy(round);
      const [changed, ...created] = await Promise.allSettled([
        world.call(operation, { id }),
        ...Array.from({ length: 12 }, () => world.create()),
      ]);
      await Promise.all(others);
      const cell = await world.call("cell.get", { id });
      const tasks = created.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
      for (const task of tasks) await world.ended(task);
      const instances = await Promise.all(tasks.map((task) => world.call("instance.get", { id: idOf(task) })));
      if (changed.status === "fulfilled" && operation === "cell.remove") {
        expect(cell.pool).toBeUndefined();
        expect(instances.filter((instance) => instance.cell === id)).toEqual([]);
      } else if (changed.status === "fulfilled") expect(cell.enabled).toBe(false);
      for (const instance of instances) await world.ended(await world.remove(instance.id));
      const now = await world.call("cell.get", { id });
      if (now.pool === undefined) await world.call("cell.add", { id, pool });
      if (!now.enabled) await world.call("cell.enable", { id });
    }
  },
  60_000,
);
