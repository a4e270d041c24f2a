import { expect, test } from "bun:test";
import { type InstanceState, instanceStates } from "@nano/contract";
import { testCellId } from "../testing/cell.ts";
import { judge } from "./judge.ts";

const here = testCellId(0);
const there = testCellId(1);
const observed = { epoch: 1 };
const isOnline = () => true;
const row = (epoch: number, state: InstanceState = "running") => ({ cell: there, assignedEpoch: epoch, state });

test("what is on record on its cell is ours, whatever its epoch", () => {
  for (const epoch of [0, 1, 2])
    expect(
      judge({
        cell: here,
        observed,
        row: { cell: here, assignedEpoch: epoch, state: "lost" },
        tombstone: undefined,
        isOnline,
      }),
    ).toEqual({ kind: "ours" });
});

test("what nobody knows is taken over", () => {
  expect(judge({ cell: here, observed, row: undefined, tombstone: undefined, isOnline })).toEqual({ kind: "adopt" });
});

test("a copy of the same epoch, or of a newer one, proves nothing", () => {
  for (const epoch of [0, 1])
    expect(judge({ cell: here, observed, row: row(epoch), tombstone: undefined, isOnline })).toEqual({
      kind: "stray",
      why: "copy",
    });
});

test("a newer epoch that this zone gave out proves it, when the other cell says itself that it has it", () => {
  const said: InstanceState[] = ["running", "stopping", "paused", "stopped", "crashed"];
  for (const state of instanceStates) {
    const { kind } = judge({ cell: here, observed, row: row(2, state), tombstone: undefined, isOnline });
    expect(kind, state).toBe(said.includes(state) ? "stale" : "stray");
    const offline = judge({ cell: here, observed, row: row(2, state), tombstone: undefined, isOnline: () => false });
    expect(offline.kind, `${state}, its cell is away`).toBe("stray");
  }
});

test("a tombstone proves it, but for one that was forgotten", () => {
  const tombstone = { epoch: 2, kind: "deleted" as const };
  expect(judge({ cell: here, observed, row: undefined, tombstone, isOnline })).toEqual({
    kind: "stale",
    why: "deleted",
    epoch: 2,
  });
  const forgotten = { ...tombstone, kind: "forgotten" as const };
  expect(judge({ cell: here, observed, row: undefined, tombstone: forgotten, isOnline })).toEqual({
    kind: "stray",
    why: "forgotten",
  });
});

test("what no zone has claimed is ours where a record puts it, and proves nothing elsewhere", () => {
  const unclaimed = { ...observed, unclaimed: true };
  const tombstone = { epoch: 2, kind: "deleted" as const };
  const facts = { cell: here, observed: unclaimed, row: undefined, tombstone: undefined, isOnline };
  expect(judge({ ...facts, row: { ...row(2), cell: here } })).toEqual({ kind: "ours" });
  expect(judge({ ...facts, row: row(2) })).toEqual({ kind: "stray", why: "copy" });
  expect(judge(facts)).toEqual({ kind: "stray", why: "unclaimed" });
  expect(judge({ ...facts, tombstone })).toEqual({ kind: "stray", why: "unclaimed" });
});
