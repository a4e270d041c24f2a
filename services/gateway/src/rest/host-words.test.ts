/**
 * Whatever a service or a cell says of a failure: REST tells it without paths of the host and without command lines.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type Log, NanoError, operations } from "@nano/contract";
import fc from "fast-check";
import { startWorld, type World } from "../testing.ts";
import { guarded } from "./bind.ts";

setDefaultTimeout(60_000);
let said = "";
const example = operations["cell.list"].example.output;
let world: World;
const logged: string[] = [];
const write = (message: string, facts: object = {}) =>
  void logged.push(
    JSON.stringify({ message, ...facts }, (_, value) => (value instanceof Error ? value.message : value)),
  );
const log: Log = { info: write, warn: write, error: write };
beforeAll(async () => {
  world = await startWorld({
    log,
    scheduler: {
      "instance.get": () => ({ ...operations["instance.get"].example.output, stateReason: said }),
      "cell.list": () => ({ ...example, items: example.items.map((cell) => ({ ...cell, problems: [said] })) }),
      "task.list": () => {
        const { items, ...page } = operations["task.list"].example.output;
        const error = { code: "hypervisor-failed", message: said, remedy: "Try again.", details: { libvirt: said } };
        return { ...page, items: items.map((task) => ({ ...task, state: "failed" as const, obstacle: said, error })) };
      },
      "instance.list": () => {
        throw new NanoError("hypervisor-failed", said, { details: { libvirt: said } });
      },
    },
  });
  await world.setUp();
});
afterAll(() => world[Symbol.asyncDispose]());

const name = fc.stringMatching(/^[a-z][a-z0-9_-]{2,8}$/);
const path = fc
  .tuple(
    fc.constantFrom("/vol-x", "/tank/a", "/var/lib", "/srv", "/dev", "/proc", "/sys", "/run", "/home"),
    fc.array(name, { minLength: 1, maxLength: 4 }),
  )
  .map(([root, rest]) => `${root}/${rest.join("/")}`);
const sentences = [
  (at: string) => `Could not open '${at}': Permission denied`,
  (at: string) => `Child process (/usr/bin/qemu-img create -f qcow2 ${at} 1G) unexpected exit status 1`,
  (at: string) => `qemu-system-x86_64: -drive file=${at},if=none: Could not open '${at}'`,
] as const;

test("no answer holds a path of a host or a command line", async () => {
  await fc.assert(
    fc.asyncProperty(path, fc.constantFrom(...sentences), async (at, say) => {
      said = say(at);
      for (const [address, code] of [
        ["/api/v2/cells", 200],
        ["/api/v2/tasks", 200],
        [`/api/v2/instances/${operations["instance.get"].example.output.id}`, 200],
        ["/api/v2/instances", 503],
      ] as const) {
        const response = await world.json("GET", address);
        expect([address, response.status]).toEqual([address, code]);
        const text = await response.text();
        expect(text).not.toContain(at);
        expect(text).not.toMatch(/create -f|-drive|\/usr\/bin/);
        expect(text).toMatch(/Could not open|exit status/);
      }
    }),
    { seed: 9, numRuns: 40 },
  );
});

test("what the gateway itself cuts is in its log, once and whole, with the request's id", async () => {
  logged.length = 0;
  const requestId = Bun.randomUUIDv7();
  const request = new Request("http://gateway.test/x", { headers: { "nano-request-id": requestId } });
  const response = await guarded(log, request, "answering", () => {
    throw new NanoError("unavailable", "Cannot read /vol-x/nano/key", { details: { at: "/vol-x/nano/key" } });
  });
  const problem: unknown = await response.json();
  expect(problem).toMatchObject({ detail: "Cannot read key", details: { at: "key" }, requestId });
  expect(response.headers.get("nano-request-id")).toBe(requestId);
  expect(logged.length).toBe(1);
  expect(logged[0]).toContain(requestId);
  expect(logged[0]).toContain("Cannot read /vol-x/nano/key");
});

test("of another service's error the gateway's log has no second line", async () => {
  logged.length = 0;
  said = "Could not open '/vol-x/foo'";
  expect((await world.json("GET", "/api/v2/instances")).status).toBe(503);
  expect(logged).toEqual([]);
});
