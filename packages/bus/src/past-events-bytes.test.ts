/** Pages of large events: an answer fits into a message of the bus, and pages together hold every event once. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type Actor, type NanoEvent, operationOf, ownedBy, type SequencedEvent, serviceActor } from "@nano/contract";
import type { Bus, Handlers } from "./index.ts";
import { startTestBus, type TestBus } from "./testing.ts";

setDefaultTimeout(120_000);

let world: TestBus;
let scheduler: Bus;
let web: Bus;
const ids = ["a", "b", "c", "d"];
const perId = 250;
/** Sequences of all large events, in order. */
const all: number[] = [];

/** Close to the 8,192 characters that an event's facts may have, three bytes each. */
const facts = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`事${"实".repeat(115)}${i}`, "字".repeat(128)]));
const deaf: Actor = { kind: "user", id: "u-1", name: "deaf", permissions: ["event.read"] };
/** What somebody may hear who may hear only every second event of `a`. */
const halfOfA = ({ id, requestId }: NanoEvent) => id === "a" && Number(requestId) % 2 === 0;

beforeAll(async () => {
  world = await startTestBus();
  scheduler = world.bus("scheduler");
  web = world.bus("web");
  const examples = ownedBy("scheduler").map((name) => [name, () => operationOf(name).example.output]);
  scheduler.serve("scheduler", {
    ...(Object.fromEntries(examples) as Handlers<"scheduler">),
    "event.list": (query, { actor }) =>
      scheduler.pastEvents({ ...query, hears: actor.kind === "user" ? halfOfA : () => true }),
  });
  scheduler.keepEventStream();
  await Promise.all([scheduler.ready(), web.ready()]);
  const emit = (id: string, n: number) =>
    scheduler.emit(
      { name: "instance.changed", id, at: "2026-11-23T09:20:00.000Z", requestId: String(n), data: facts },
      `${id}-${n}`,
    );
  for (;;)
    try {
      all.push(await emit("a", 0));
      break;
    } catch {
      await Bun.sleep(50);
    }
  for (let n = 0; n < perId; n += 25)
    await Promise.all(
      ids.flatMap((id) =>
        Array.from({ length: 25 }, (_, i) => n + i)
          .filter((n) => id !== "a" || n > 0)
          .map(async (n) => all.push(await emit(id, n))),
      ),
    );
  all.sort((one, other) => one - other);
});
afterAll(() => world[Symbol.asyncDispose]());

interface Walk {
  readonly id?: string;
  readonly limit: number;
  readonly actor?: Actor;
}
/** All pages of a walk, in the order in which they came. */
const walk = async (direction: "forwards" | "backwards", { actor = serviceActor("web"), ...query }: Walk) => {
  const pages: SequencedEvent[][] = [];
  let at: number | undefined = direction === "forwards" ? 0 : undefined;
  for (;;) {
    const cursor: object = at === undefined ? {} : direction === "forwards" ? { after: at } : { before: at };
    const { items, seen, last } = await web.call("event.list", { ...query, ...cursor }, { actor });
    pages.push(items as SequencedEvent[]);
    if (seen === undefined || (direction === "forwards" && seen >= last)) return pages;
    expect(seen).not.toBe(at as never);
    at = seen;
  }
};
const sequences = (items: readonly SequencedEvent[]) => items.map(({ sequence }) => sequence);

test("the events are as large as they may be", async () => {
  const { items } = await web.call("event.list", { limit: 1 });
  expect(items[0]?.data).toEqual(facts);
  expect(Buffer.byteLength(JSON.stringify(items)) * all.length).toBeGreaterThan(8 * 1024 * 1024);
});

test.each([1_000, 500, 100])("%i at a time, forwards and backwards, each once and in order", async (limit) => {
  const forwards = await walk("forwards", { limit });
  expect(sequences(forwards.flat())).toEqual(all);
  const backwards = await walk("backwards", { limit });
  expect(sequences(backwards.toReversed().flat())).toEqual(all);
  // The first ones come first, and the newest.
  expect(sequences(forwards[0] ?? [])[0]).toBe(all[0] ?? -1);
  expect(sequences(backwards[0] ?? []).at(-1)).toBe(all.at(-1) ?? -1);
});

test("those of one resource", async () => {
  for (const direction of ["forwards", "backwards"] as const) {
    const items = (await walk(direction, { id: "b", limit: 1_000 })).flat();
    expect(new Set(sequences(items)).size).toBe(perId);
    expect([items.length, items.every(({ id }) => id === "b")]).toEqual([perId, true]);
  }
});

test.each([1, 1_000])("those that somebody may hear, %i at a time", async (limit) => {
  const numbers = Array.from({ length: perId / 2 }, (_, i) => i * 2);
  const of = (pages: readonly SequencedEvent[][]) => pages.flat().map(({ requestId }) => Number(requestId));
  const sorted = (list: readonly number[]) => list.toSorted((one, other) => one - other);
  expect(sorted(of(await walk("forwards", { limit, actor: deaf })))).toEqual(numbers);
  expect(sorted(of(await walk("backwards", { limit, actor: deaf })))).toEqual(numbers);
});

test("pages without an audience are bounded alike", async () => {
  const page = await scheduler.pastEvents({ limit: 1_000, after: 0 });
  expect(sequences(page.items)).toEqual(all.slice(0, page.items.length));
  expect(page.items.length).toBeLessThan(all.length);
  const newest = await scheduler.pastEvents({ limit: 1_000 });
  expect(sequences(newest.items)).toEqual(all.slice(-newest.items.length));
});
