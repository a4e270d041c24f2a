import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type InstanceUsage, statisticsPoints, type Usage } from "@nano/contract";
import { codeOf, pool, until, World } from "../testing/world.ts";
import { mib } from "../units.ts";
import { Series } from "./series.ts";

describe("a series", () => {
  const usage = (n: number): Usage => ({ cpuPercent: n % 100, memoryUsedMiB: mib(n), diskReadBytesPerSecond: n });

  test("holds an hour and no more, oldest first, and leaves out what was not measured", () => {
    const series = new Series();
    expect(series.points()).toEqual([]);
    for (let n = 0; n < statisticsPoints + 25; n++) series.add(1_000_000 + n * 10_000, usage(n));
    const points = series.points();
    expect(points.length).toBe(statisticsPoints);
    expect(points[0]).toEqual({
      at: "1970-01-01T00:20:50.000Z",
      cpuPercent: 25,
      memoryUsedMiB: mib(25),
      diskReadBytesPerSecond: 25,
    } as never);
    expect(points.map(({ memoryUsedMiB }) => memoryUsedMiB)).toEqual(
      Array.from({ length: statisticsPoints }, (_, n) => mib(n + 25)),
    );
    expect(series.points(series.newestAt).length).toBe(1);
  });
});

describe("what is used", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start({ cells: [] });
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test("an instance's is what its own cell says, whoever else speaks of it", async () => {
    const [first, second] = [await world.addCell(1), await world.addCell(2)];
    if (!first || !second) throw new Error("There are no cells");
    const instance = await world.created();
    const [own, other] = instance.cell === first.id ? [first, second] : [second, first];
    const usage: InstanceUsage = {
      id: instance.id,
      cpuPercent: 37.5,
      memoryUsedMiB: mib(123),
      memorySource: "host",
      diskWriteBytesPerSecond: 1_000,
    };
    expect(await world.call("instance.statistics", { id: instance.id })).toEqual({
      everySeconds: 10,
      cores: 1,
      memoryTotalMiB: mib(512),
      points: [],
    });
    other.statistics([{ ...usage, cpuPercent: 99 }]);
    own.statistics([usage, { ...usage, id: crypto.randomUUID() as never }]);
    await until("it is measured", async () => {
      return (await world.call("instance.statistics", { id: instance.id })).points.length > 0;
    });
    const shown = await world.call("instance.statistics", { id: instance.id });
    expect(shown.memorySource).toBe("host");
    expect(shown.points).toEqual([
      {
        at: expect.any(String),
        cpuPercent: 37.5,
        memoryUsedMiB: mib(123),
        diskWriteBytesPerSecond: 1_000,
      },
    ]);
    expect(await codeOf(world.call("instance.statistics", { id: crypto.randomUUID() as never }))).toBe(
      "instance-not-found",
    );
  });

  test("of cells, pools and the zone there is a point for each time they are measured", async () => {
    const cell = world.cells[0];
    if (!cell) throw new Error("There is no cell");
    cell.load = { ...cell.load, cpuPercent: 50, memoryUsedMiB: mib(2_048), diskReadsPerSecond: 7 };
    cell.heartbeat();
    await until("its load is known", async () => {
      return (await world.call("cell.get", { id: cell.id })).load.cpuPercent === 50;
    });
    world.scheduler.statistics.measure();
    const of = await world.call("cell.statistics", { id: cell.id, minutes: 1 });
    expect(of.points.at(-1)).toMatchObject({ cpuPercent: 50, memoryUsedMiB: mib(2_048), diskReadsPerSecond: 7 });
    // Two cells of the same size, one of them idle.
    const { points, cores } = await world.call("pool.statistics", { name: pool });
    expect(cores).toBe(32);
    expect(points.at(-1)).toMatchObject({ cpuPercent: 25, diskReadsPerSecond: 7 });
    expect((await world.call("zone.statistics", {})).points.at(-1)).toMatchObject({ cpuPercent: 25 });
    expect((await world.call("zone.get", {})).history.at(-1)).toMatchObject({ cpuPercent: 25 });
  });

  test("of what there is not, nothing is told", async () => {
    expect(await codeOf(world.call("cell.statistics", { id: "cell-zzzzzzzzzzzzzzzz" as never }))).toBe(
      "cell-not-found",
    );
    expect(await codeOf(world.call("pool.statistics", { name: "nowhere" as never }))).toBe("pool-not-found");
  });
});
