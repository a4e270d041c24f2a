/**
 * Whatever a service or a cell says of a failure: REST tells it without paths of the host and without command lines.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { NanoError, operations } from "@nano/contract";
import fc from "fast-check";
import { startWorld, type World } from "../testing.ts";

setDefaultTimeout(60_000);
let said = "";
const example = operations["cell.list"].example.output;
let world: World;
beforeAll(async () => {
  world = await startWorld({
    scheduler: {
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
    fc.constantFrom("/var/lib", "/srv", "/dev", "/proc", "/sys", "/run", "/home"),
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
