/**
 * `docs/examples/nats_req.py`, a client that is not ours: what it says when it is answered, refused, or nobody is
 * there.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { operations } from "@nano/contract";
import { startTestBus, type TestBus } from "./testing.ts";

let bus: TestBus;
beforeAll(async () => {
  bus = await startTestBus({ shared: true });
});
afterAll(() => bus.stop());

const script = join(import.meta.dir, "../../../docs/examples/nats_req.py");
const request = async (subject: string, json = "{}") => {
  const child = Bun.spawn(["python3", script, bus.identities.credentials("operator"), subject, json], {
    env: { PATH: process.env.PATH ?? "", NATS_URL: bus.url, NATS_TIMEOUT: "600" },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, code };
};

test("it prints the reply, and tells errors by its exit code", async () => {
  const scheduler = bus.bus("scheduler");
  scheduler.serve("scheduler", { "zone.get": () => operations["zone.get"].example.output } as never);
  await scheduler.ready();
  const answered = await request("nano.v1.zone.get");
  expect([answered.code, answered.err]).toEqual([0, ""]);
  expect(JSON.parse(answered.out)).toEqual(operations["zone.get"].example.output);
  const refused = await request("nano.v1.zone.get", '{"surprise":1}');
  expect([refused.code, JSON.parse(refused.out).error.code]).toEqual([1, "invalid-input"]);
});

test("what these credentials may not ask is said at once, not after the timeout", async () => {
  for (const subject of ["nano.v1.cell.cell-aaaaaaaaaaaaaaaa.instance.list", "$JS.API.STREAM.PURGE.NANO_EVENTS"]) {
    const { code, err } = await request(subject);
    expect(code).toBe(2);
    expect(err).toContain("not permitted");
    expect(err).toContain(subject);
  }
});

test("a subject that nobody serves", async () => {
  const { code, err } = await request("nano.v1.image.list");
  expect([code, err]).toEqual([2, expect.stringContaining("No responders")]);
});
