/**
 * What cells say unasked, when they say too much of it: on the real bus, by a plain NATS client with a cell's identity.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  type CellId,
  type Clock,
  type Log,
  operationOf,
  type ReportName,
  reportLimits,
  reportSubject,
} from "@nano/contract";
import type { NatsConnection } from "nats";
import { startTestBus, type TestBus } from "./testing.ts";

setDefaultTimeout(30_000);

const cell = "cell-abcdefghijklmnop" as CellId;
const lines: string[] = [];
const keep = (message: string, facts: object = {}) => void lines.push(JSON.stringify({ message, ...facts }));
const log: Log = { info() {}, warn: keep, error: keep };
const heard: Partial<Record<ReportName, unknown[]>> = {};
const hear = (name: ReportName) => (report: unknown) => {
  heard[name] = [...(heard[name] ?? []), report];
};

/** It stands still: what may be said at once is exact. */
let now = 0;
const clock: Clock = { now: () => now, monotonic: () => now };
let world: TestBus;
let raw: NatsConnection;
let sequence = 0;
const origin = () => ({ cell, boot: "b", sequence: sequence++ });
const observed = Object(operationOf("cell.instance.list").example.output).items[0];

beforeAll(async () => {
  world = await startTestBus();
  const scheduler = world.bus("scheduler", log, clock);
  scheduler.onReports({
    heartbeat: hear("heartbeat"),
    inventory: hear("inventory"),
    instance: hear("instance"),
    leaving: hear("leaving"),
    statistics: hear("statistics"),
  });
  await scheduler.ready();
  raw = await world.rawCell(cell);
});
afterAll(() => world.stop());

const say = (name: ReportName, data: string | Uint8Array) => raw.publish(reportSubject(cell, name), data);
/** Everything said before has arrived when this has: one connection's messages keep their order. */
const said = async () => {
  const id = crypto.randomUUID();
  say("instance", JSON.stringify({ ...origin(), id }));
  for (let i = 0; i < 2_000; i++) {
    if ((heard.instance ?? []).some((report) => Object(report).id === id)) return;
    await Bun.sleep(5);
  }
  throw new Error("It was not heard");
};

const junk: [string, ReportName, () => string | Uint8Array][] = [
  ["not JSON", "heartbeat", () => "junk"],
  ["not UTF-8", "heartbeat", () => new Uint8Array([0xff, 0xfe, 0x00])],
  ["another's name", "leaving", () => JSON.stringify({ ...origin(), cell: "cell-bbbbbbbbbbbbbbbb" })],
  ["a field too many", "leaving", () => JSON.stringify({ ...origin(), more: "x".repeat(500) })],
  ["very deep", "leaving", () => `{"cell":${"[".repeat(500)}`],
];
test.each(junk)("2,000 reports of junk are a few lines: %s", async (_what, name, make) => {
  lines.length = 0;
  const before = (heard[name] ?? []).length;
  for (let i = 0; i < 2_000; i++) say(name, make());
  await said();
  expect((heard[name] ?? []).length).toBe(before);
  expect(lines.length).toBeLessThanOrEqual(3);
  expect(lines.join("").length).toBeLessThan(3_000);
});

test("a report that is too large is not read", async () => {
  lines.length = 0;
  say("heartbeat", JSON.stringify({ ...origin(), name: "x".repeat(4_600_000) }));
  say(
    "instance",
    JSON.stringify({ ...origin(), id: observed.id, observed: { ...observed, stateReason: "x".repeat(3_000_000) } }),
  );
  await said();
  expect(heard.heartbeat ?? []).toEqual([]);
  expect((heard.instance ?? []).filter((report) => Object(report).observed)).toEqual([]);
  expect(lines.join("").length).toBeLessThan(2_000);
  // Not even parsed.
  expect(lines.filter((line) => line.includes("is too large"))).toHaveLength(2);
});

test("an inventory of texts that are too long is refused; one of many instances is heard", async () => {
  const many = (change: object) =>
    JSON.stringify({ ...origin(), instances: Array.from({ length: 2_000 }, () => ({ ...observed, ...change })) });
  say("inventory", many({ stateReason: "x".repeat(2_000) }));
  say("inventory", many({}));
  await said();
  expect((heard.inventory ?? []).map((report) => Object(report).instances.length)).toEqual([2_000]);
});

test("more reports than a cell has to say are not heard", async () => {
  heard.leaving = [];
  now += 60_000;
  for (let i = 0; i < 10_000; i++) say("leaving", JSON.stringify(origin()));
  await said();
  expect((heard.leaving ?? []).length).toBe(reportLimits.leaving.burst);
});

test("what an honest cell says is cut to what is heard", async () => {
  const honest = await world.cellBus(cell, log);
  await honest.ready();
  heard.instance = [];
  honest.report("instance", {
    ...origin(),
    id: observed.id,
    observed: { ...observed, stateReason: "y".repeat(50_000) },
  });
  for (let i = 0; i < 1_000 && (heard.instance ?? []).length === 0; i++) await Bun.sleep(5);
  expect(Object(heard.instance?.[0]).observed.stateReason.length).toBe(1_000);
});
