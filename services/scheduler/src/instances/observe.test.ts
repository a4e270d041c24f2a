import { describe, expect, test } from "bun:test";
import {
  CellIdSchema,
  decode,
  defaultSettings,
  InstanceIdSchema,
  type InstanceState,
  type Observed,
  timestamp,
} from "@nano/contract";
import { pool } from "../testing/world.ts";
import { gib, mib } from "../units.ts";
import { macOf } from "./mac.ts";
import { observe, overdue, stopPatienceMs } from "./observe.ts";
import type { StoredInstance } from "./store.ts";
import { toSpec } from "./view.ts";

const now = Date.parse("2026-11-23T09:20:00.000Z");
const id = decode(InstanceIdSchema, "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e10", "Naming an instance");
const instance = (state: InstanceState, stopAskedAgoMs?: number): StoredInstance => ({
  id,
  name: "web-1",
  description: "",
  pool,
  cell: decode(CellIdSchema, "cell-abcdefghijklmnop", "Naming a cell"),
  state,
  stateReason: null,
  cores: 1,
  memoryMiB: mib(512),
  disks: [{ name: "system", sizeGiB: gib(2) }],
  nics: [{ name: "nic-1", mac: macOf(id) }],
  addresses: [],
  nicAddresses: [],
  media: null,
  autostart: false,
  settings: defaultSettings,
  pending: [],
  running: {},
  snapshots: 0,
  agent: false,
  owner: "admin",
  decision: null,
  task: null,
  epoch: 1,
  assignedEpoch: 1,
  createdAt: timestamp(now),
  modifiedAt: timestamp(now),
  startedAt: null,
  stopAskedAt: stopAskedAgoMs === undefined ? null : timestamp(now - stopAskedAgoMs),
  stopUntil: null,
  restartedAt: null,
  revision: 1,
});
const observed = (state: InstanceState): Observed => ({
  id,
  epoch: 1,
  state,
  addresses: ["192.0.2.9"],
  spec: toSpec(instance("stopped")),
});

test("a task that makes or removes an instance owns its state", () => {
  for (const state of ["creating", "deleting"] as const)
    expect(observe(instance(state), observed("running"), now)).toEqual({
      addresses: ["192.0.2.9"],
      nicAddresses: [],
      agent: false,
      pending: [],
      running: {},
      snapshots: 0,
      media: null,
      startedAt: null,
      restartedAt: null,
    });
});

test("otherwise the cell is right", () => {
  for (const before of ["stopped", "running", "lost", "missing", "crashed", "stopping"] as const)
    for (const after of ["stopped", "paused", "crashed"] as const)
      expect(observe(instance(before, 1_000), observed(after), now)).toMatchObject({ state: after, stopAskedAt: null });
  expect(observe(instance("lost"), observed("running"), now)).toMatchObject({ state: "running", stateReason: null });
});

test("what is done about a crash or a failed start is not forgotten with the cell's next word", () => {
  const said = (state: InstanceState, stateReason: string) => ({ ...observed(state), stateReason });
  const failed = { ...instance("stopped"), stateReason: "Its start failed. It is tried again." };
  expect(observe(failed, said("stopped", "Its start failed."), now)).not.toHaveProperty("stateReason");
  expect(observe(failed, said("stopped", "Another."), now).stateReason).toBe("Another.");
  expect(observe(failed, observed("stopped"), now).stateReason).toBeNull();
  expect(observe(failed, said("crashed", "It ended."), now).stateReason).toBe("It ended.");
  expect(observe(instance("crashed"), said("crashed", "It ended."), now)).not.toHaveProperty("stateReason");
});

describe("after a press of the power button", () => {
  test("it is stopping, whatever the cell says of a guest that still runs", () => {
    for (const said of ["running", "stopping"] as const)
      expect(observe(instance("stopping", stopPatienceMs - 1), observed(said), now)).toMatchObject({
        state: "stopping",
      });
  });
  test("it is running again when the guest has not followed in time, and stays so", () => {
    const expected = { state: "running", stateReason: expect.stringContaining("within 120 s") };
    for (const said of ["running", "stopping"] as const) {
      expect(observe(instance("stopping", stopPatienceMs), observed(said), now)).toMatchObject(expected);
      expect(observe(instance("running", 2 * stopPatienceMs), observed(said), now)).toMatchObject(expected);
    }
    expect(overdue(instance("stopping", stopPatienceMs), now)).toMatchObject(expected);
    expect(overdue(instance("stopping", stopPatienceMs - 1), now)).toBeUndefined();
    expect(overdue(instance("running", stopPatienceMs), now)).toBeUndefined();
  });
  test("that somebody else gave, its time begins when we hear of it", () => {
    expect(observe(instance("running"), observed("stopping"), now)).toMatchObject({
      state: "stopping",
      stopAskedAt: timestamp(now),
    });
  });
});
