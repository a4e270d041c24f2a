/** A page's stream of events, at its edges. */
import { expect, test } from "bun:test";
import type { Bus } from "@nano/bus";
import { createLiveEvents } from "./stream.ts";

const bus = { onEvents: () => () => {}, onConnection: () => () => {} } as unknown as Bus;

test("a reader that left before its stream was made has none, and takes nobody's place", async () => {
  const live = createLiveEvents({ bus });
  const reader = {
    actor: { kind: "service", id: "web", name: "web", permissions: ["*"] },
    topics: new Set(["instance"]),
    after: 0,
    signal: AbortSignal.abort(),
  } as const;
  // More of them than there may be.
  for (let i = 0; i < 5_000; i++) {
    const stream = live.open(reader as never);
    expect(stream).toBeDefined();
    expect((await stream?.getReader().read())?.done).toBe(true);
  }
  live.stop();
});
