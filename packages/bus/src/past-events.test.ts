import { afterAll, beforeAll, expect, test } from "bun:test";
import { NanoError } from "@nano/contract";
import type { Bus } from "./index.ts";
import { startTestBus, type TestBus } from "./testing.ts";

let world: TestBus;
let bus: Bus;
/** Of one instance among many others. */
const own: number[] = [];

const emit = (id: string, n: number, name: "instance.changed" | "image.changed" = "instance.changed") =>
  bus.emit({ name, id, at: "2026-11-23T09:20:00.000Z", data: { n } }, crypto.randomUUID());

beforeAll(async () => {
  world = await startTestBus({ shared: true });
  bus = world.bus("scheduler");
  bus.keepEventStream();
  await bus.ready();
  for (;;)
    try {
      own.push(await emit("mine", 0));
      break;
    } catch {
      await Bun.sleep(50);
    }
  for (let n = 1; n <= 10; n++) own.push(await emit("mine", n));
  // More than anybody would look through one by one.
  for (let n = 0; n < 21_000; n += 1_000)
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => emit(`other-${(n + i) % 500}`, n, "image.changed")));
  for (let n = 11; n <= 20; n++) {
    own.push(await emit("mine", n));
    await emit("other-1", n);
  }
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

const numbers = (page: Awaited<ReturnType<Bus["pastEvents"]>>) => page.items.map(({ data }) => Number(data.n));

test("one resource's events are found whatever happened to others since", async () => {
  const page = await bus.pastEvents({ id: "mine", limit: 100 });
  expect(page.items.map(({ sequence }) => sequence)).toEqual(own);
  expect(numbers(page)).toEqual(Array.from({ length: 21 }, (_, n) => n));
  expect((await bus.pastEvents({ id: "nobody" })).items).toEqual([]);
});

test("pages go both ways, and their cursors hold while more happens", async () => {
  const newest = await bus.pastEvents({ id: "mine", limit: 8 });
  expect(numbers(newest)).toEqual([13, 14, 15, 16, 17, 18, 19, 20]);
  await emit("other-2", 0);
  const [{ sequence: before } = { sequence: 0 }] = newest.items;
  const older = await bus.pastEvents({ id: "mine", limit: 8, before });
  expect(numbers(older)).toEqual([5, 6, 7, 8, 9, 10, 11, 12]);
  const oldest = await bus.pastEvents({ id: "mine", limit: 8, before: older.items[0]?.sequence ?? 0 });
  expect(numbers(oldest)).toEqual([0, 1, 2, 3, 4]);
  const onwards = await bus.pastEvents({ id: "mine", limit: 8, after: oldest.items.at(-1)?.sequence ?? 0 });
  expect(onwards.items).toEqual(older.items);
  const between = await bus.pastEvents({ id: "mine", after: own[2] ?? 0, before: own[5] ?? 0 });
  expect(numbers(between)).toEqual([3, 4]);
  expect((await bus.pastEvents({ id: "mine", before: own[0] ?? 0 })).items).toEqual([]);
  expect((await bus.pastEvents({ id: "mine", after: newest.last + 10 })).items).toEqual([]);
});

test("everybody's events are paged alike, over the gaps of what was pushed out", async () => {
  // So many of one kind that most of them are gone: the newest 256 stay.
  for (let n = 0; n < 2_000; n += 500) await Promise.all(Array.from({ length: 500 }, (_, i) => emit("busy", n + i)));
  const all = new Map<number, string>();
  let before: number | undefined;
  for (let pages = 0; pages < 5; pages++) {
    const page = await bus.pastEvents({ limit: 100, ...(before === undefined ? {} : { before }) });
    expect(page.items).toHaveLength(100);
    for (const { sequence, id } of page.items) {
      expect(all.has(sequence)).toBe(false);
      all.set(sequence, id);
    }
    before = page.items[0]?.sequence;
  }
  expect([...all.values()].filter((id) => id === "busy")).toHaveLength(256);
  const forwards = await bus.pastEvents({ limit: 500, after: (before ?? 1) - 1 });
  expect(forwards.items.map(({ sequence }) => sequence)).toEqual([...all.keys()].sort((a, b) => a - b));
});

test("what is no longer kept is said to be gone", async () => {
  const { first } = await bus.pastEvents({ limit: 1 });
  expect(first).toBeGreaterThan(0);
  await expect(bus.pastEvents({ after: -2 })).rejects.toBeInstanceOf(NanoError);
});
