import { describe, expect, test } from "bun:test";
import { fits, Observed } from "@nano/contract";
import { DOMAIN_STATE_REASONS, DOMAIN_STATES } from "@nano/libvirt";
import { specOf } from "../testing.ts";
import { mapState } from "./state.ts";

describe("libvirt's state as ours", () => {
  test.each([
    ["running", "booted", {}, "running"],
    ["running", "unpaused", {}, "running"],
    ["running", "booted", { stoppingSince: "x" }, "stopping"],
    ["paused", "io-error", {}, "paused"],
    ["paused", "starting-up", {}, "running"],
    ["paused", "user", {}, "paused"],
    ["shutdown", "user", {}, "stopping"],
    ["shutoff", "shutdown", {}, "stopped"],
    ["shutoff", "destroyed", {}, "stopped"],
    ["shutoff", "unknown", {}, "stopped"],
    ["shutoff", "failed", {}, "stopped"],
    ["shutoff", "crashed", {}, "crashed"],
    ["crashed", "panicked", {}, "crashed"],
    ["pmsuspended", "unknown", {}, "paused"],
  ] as const)("%s because of %s", (state, reason, run, expected) => {
    expect<string>(mapState({ state, reason }, run).state).toBe(expected);
  });

  test("a pause over a full storage says so", () => {
    const paused = { state: "paused", reason: "io-error" } as const;
    expect(mapState(paused, {}, "no-space").stateReason).toContain("no space");
    expect(mapState(paused, {}, "other").stateReason).toContain("could not be read or written");
  });

  test("every state and reason libvirt has becomes one the contract has", () => {
    const spec = specOf();
    for (const state of DOMAIN_STATES)
      for (const reason of [...DOMAIN_STATE_REASONS[state], "unknown-99"]) {
        const observed = { id: spec.id, epoch: 1, addresses: [], spec, ...mapState({ state, reason }, {}) };
        expect(fits(Observed, observed)).toBe(true);
      }
  });
});
