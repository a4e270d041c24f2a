import { describe, expect, test } from "bun:test";
import type { Resources } from "@nano/contract";
import { Decision, fits } from "@nano/contract";
import * as fc from "fast-check";
import { testCellId } from "../testing/cell.ts";
import { pool } from "../testing/world.ts";
import { gib, mib } from "../units.ts";
import { place } from "./place.ts";
import { defaultPolicy, type Policy } from "./rule.ts";
import { filters } from "./rules/index.ts";
import { type CellFacts, type PlacementRequest, Snapshot } from "./snapshot.ts";

const resources = (cores: number, memoryMiB: number, storageGiB: number): Resources => ({
  cores,
  memoryMiB: mib(memoryMiB),
  storageGiB: gib(storageGiB),
});
const nothing = resources(0, 0, 0);
const facts = (n: number, changes: Partial<CellFacts> = {}): CellFacts => ({
  id: testCellId(n),
  name: `node-${n}`,
  online: true,
  enabled: true,
  virtualization: "kvm",
  abilities: [],
  capacity: resources(16, 16_384, 500),
  reserved: nothing,
  load: { cpuPercent: 10, memoryUsedMiB: mib(1_000), storageUsedGiB: gib(10) },
  instances: 0,
  silentSeconds: 0,
  ...changes,
});
const small = resources(2, 2_048, 20);
const decide = (cells: CellFacts[], request: PlacementRequest = small, policy: Policy = defaultPolicy) =>
  place(new Snapshot(cells), pool, request, policy);

describe("who wins", () => {
  test("the cell with the lowest weighted load", () => {
    const busy = facts(1, { load: { cpuPercent: 80, memoryUsedMiB: mib(9_000), storageUsedGiB: gib(10) } });
    const decision = decide([busy, facts(2), facts(3, { reserved: resources(32, 8_192, 100) })]);
    expect(decision.winner?.name).toBe("node-2");
    expect(decision.ranked.map(({ name }) => name)).toEqual(["node-2", "node-3", "node-1"]);
    expect(decision.runnerUp?.name).toBe("node-3");
    expect(decision.summary).toBe("node-2 has the lowest weighted load of the 3 cells that fit.");
  });

  test("what is promised counts before it shows as load", () => {
    const cells = new Snapshot([facts(1), facts(2)]);
    const placed = { 1: 0, 2: 0 };
    for (let i = 0; i < 4; i++) {
      const n = place(cells, pool, small, defaultPolicy).winner?.name === "node-1" ? 1 : 2;
      const times = ++placed[n];
      cells.set(facts(n, { reserved: resources(2 * times, 2_048 * times, 20 * times) }));
    }
    expect(placed).toEqual({ 1: 2, 2: 2 });
  });

  test("a host without KVM only when nothing else has room", () => {
    const slow = facts(1, { virtualization: "emulated" });
    const full = facts(2, { load: { cpuPercent: 95, memoryUsedMiB: mib(12_000), storageUsedGiB: gib(400) } });
    expect(decide([slow, full]).winner?.name).toBe("node-2");
    expect(decide([slow]).winner?.name).toBe("node-1");
  });

  test("under `pack` the fullest that still fits", () => {
    const cells = [facts(1), facts(2, { reserved: resources(20, 10_000, 100) })];
    expect(decide(cells, small, { ...defaultPolicy, name: "pack" }).winner?.name).toBe("node-2");
  });
});

describe("who is removed, and why", () => {
  const cases: [rule: string, cell: Partial<CellFacts>, request: PlacementRequest, reason: string][] = [
    ["online", { online: false, silentSeconds: 12.4 }, small, "silent for 12 s"],
    ["enabled", { enabled: false, instances: 3 }, small, "disabled; it keeps its 3 instances and takes no new ones"],
    [
      "abilities",
      { abilities: ["cpu-priority"] },
      { ...small, needs: ["cpu-priority", "uefi"] },
      "its host has no UEFI firmware (OVMF)",
    ],
    ["cores", {}, resources(32, 512, 1), "needs 32 cores, the host has 16"],
    [
      "cores",
      { reserved: resources(63, 0, 0) },
      small,
      "needs 2 cores, 1 free of 64; instances that are off count, too",
    ],
    ["memory", { reserved: resources(0, 14_000, 0) }, small, "needs 2048 MiB, 1564 MiB free of 15564"],
    [
      "memory-in-use",
      { load: { cpuPercent: 0, memoryUsedMiB: mib(15_000), storageUsedGiB: gib(0) } },
      small,
      "needs 2048 MiB, the host uses 15000 MiB of its 16384",
    ],
    ["storage", { reserved: resources(0, 0, 490) }, small, "needs 20 GiB, 10 GiB free of 500"],
    [
      "storage-in-use",
      { load: { cpuPercent: 0, memoryUsedMiB: mib(0), storageUsedGiB: gib(500) } },
      small,
      "its storage is full: 500 GiB of 500 are used",
    ],
  ];
  for (const [rule, cell, request, reason] of cases)
    test(`${rule}: ${reason}`, () => {
      const decision = decide([facts(1, cell)], request);
      expect(decision.winner).toBeUndefined();
      expect(decision.removed).toEqual([
        { rule, count: 1, examples: [{ cell: testCellId(1), name: "node-1", reason }] },
      ]);
      expect(decision.summary).toBe(
        `The only cell of pool default can't take it: ${filters.find(({ name }) => name === rule)?.lack}.`,
      );
    });

  test("counts all and names ten", () => {
    const decision = decide(Array.from({ length: 40 }, (_, n) => facts(n, { enabled: n % 2 === 0 })));
    expect(decision.summary).toEndWith(" of the 20 cells that fit; 20 of 40 can't take it: disabled.");
    expect(decision.removed).toHaveLength(1);
    expect(decision.removed[0]).toMatchObject({ rule: "enabled", count: 20 });
    expect(decision.removed[0]?.examples).toHaveLength(10);
    expect(decision.ranked).toHaveLength(10);
    expect(decision.considered).toBe(40);
  });
});

describe("the smallest change", () => {
  const change = (cells: CellFacts[], request = small) => decide(cells, request).smallestChange;
  test("enables a cell that has room", () =>
    expect(change([facts(1, { enabled: false }), facts(2, { online: false })])).toBe(
      "Enable node-1; it has room for this.",
    ));
  test("asks for a little less", () =>
    expect(
      change([facts(1, { reserved: resources(0, 14_000, 0) }), facts(2, { reserved: resources(0, 13_800, 0) })]),
    ).toBe("Ask for 1764 MiB memory at most; then it fits on node-2."));
  test("of several things, if need be", () =>
    expect(change([facts(1, { reserved: resources(63, 14_000, 490) })])).toBe(
      "Ask for 1 core and 1564 MiB memory and 10 GiB storage at most; then it fits on node-1.",
    ));
  test("brings a cell back", () =>
    expect(change([facts(1, { online: false })])).toBe("Bring node-1 back, it does not answer; it has room for this."));
  test("adds a cell", () => {
    expect(change([])).toBe("Add a cell with 2 cores, 2048 MiB memory, 20 GiB storage to spare to the pool.");
    expect(change([facts(1, { reserved: resources(64, 15_564, 500) })])).toStartWith("Add a cell");
  });
});

describe("whatever the cells are", () => {
  const anyFacts = fc.record({
    online: fc.boolean(),
    enabled: fc.boolean(),
    cores: fc.integer({ min: 1, max: 256 }),
    memory: fc.integer({ min: 0, max: 1_000_000 }),
    storage: fc.integer({ min: 0, max: 100_000 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    cpu: fc.double({ min: 0, max: 100, noNaN: true }),
  });
  const anyRequest = fc.record({
    cores: fc.integer({ min: 1, max: 64 }),
    memory: fc.integer({ min: 16, max: 200_000 }),
    storage: fc.integer({ min: 1, max: 5_000 }),
  });
  const anyPolicy = fc.constantFrom("lowest-load" as const, "pack" as const);

  test("a decision is valid, complete and repeatable, and its winner has room", () => {
    fc.assert(
      fc.property(fc.array(anyFacts, { maxLength: 60 }), anyRequest, anyPolicy, (list, asked, name) => {
        const request = resources(asked.cores, asked.memory, asked.storage);
        const policy = { ...defaultPolicy, name };
        const cells = list.map((one, n) =>
          facts(n, {
            online: one.online,
            enabled: one.enabled,
            capacity: resources(one.cores, one.memory, one.storage),
            reserved: resources(
              Math.floor(one.cores * 4 * one.share),
              Math.floor(one.memory * 0.9 * one.share),
              Math.floor(one.storage * one.share),
            ),
            load: { cpuPercent: one.cpu, memoryUsedMiB: mib(0), storageUsedGiB: gib(0) },
          }),
        );
        const decision = decide(cells, request, policy);
        expect(
          fits(Decision, { id: "00000000-0000-7000-8000-000000000000", at: "2026-11-23T09:20:00.000Z", ...decision }),
        ).toBe(true);
        expect(decision).toEqual(decide(cells, request, policy));
        const removed = decision.removed.reduce((sum, { count }) => sum + count, 0);
        expect(Math.min(10, decision.considered - removed)).toBe(decision.ranked.length);
        expect(decision.winner === undefined).toBe(decision.smallestChange !== undefined);
        const scores = decision.ranked.map(({ score }) => score);
        expect(scores).toEqual(scores.toSorted((a, b) => a - b));
        const winner = cells.find(({ id }) => id === decision.winner?.cell);
        if (!winner) return;
        expect(winner.online && winner.enabled).toBe(true);
        expect(winner.reserved.cores + request.cores).toBeLessThanOrEqual(winner.capacity.cores * 4);
        expect(winner.reserved.memoryMiB + request.memoryMiB).toBeLessThanOrEqual(winner.capacity.memoryMiB);
        expect(winner.reserved.storageGiB + request.storageGiB).toBeLessThanOrEqual(winner.capacity.storageGiB);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("asking for what the smallest change says makes it fit", () => {
    fc.assert(
      fc.property(fc.array(anyFacts, { minLength: 1, maxLength: 20 }), anyRequest, (list, asked) => {
        const cells = list.map((one, n) =>
          facts(n, {
            capacity: resources(one.cores, one.memory, one.storage),
            load: { cpuPercent: 0, memoryUsedMiB: mib(0), storageUsedGiB: gib(0) },
          }),
        );
        const { smallestChange } = decide(cells, resources(asked.cores, asked.memory, asked.storage));
        if (!smallestChange?.startsWith("Ask for ")) return;
        const said = (pattern: RegExp, otherwise: number) => Number(pattern.exec(smallestChange)?.[1] ?? otherwise);
        const less = resources(
          said(/(\d+) cores?/, asked.cores),
          said(/(\d+) MiB/, asked.memory),
          said(/(\d+) GiB/, asked.storage),
        );
        expect(decide(cells, less).winner).toBeDefined();
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("a snapshot that was changed in place is one that was made anew", () => {
    const changes = fc.array(
      fc.record({ n: fc.integer({ min: 0, max: 40 }), remove: fc.boolean(), cpu: fc.integer({ min: 0, max: 100 }) }),
    );
    fc.assert(
      fc.property(changes, (list) => {
        const kept = new Snapshot();
        const now = new Map<number, CellFacts>();
        for (const { n, remove, cpu } of list) {
          const cell = facts(n, { load: { cpuPercent: cpu, memoryUsedMiB: mib(0), storageUsedGiB: gib(0) } });
          if (remove) {
            kept.remove(cell.id);
            now.delete(n);
          } else {
            kept.set(cell);
            now.set(n, cell);
          }
        }
        expect(place(kept, pool, small, defaultPolicy)).toEqual(decide([...now.values()]));
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});
