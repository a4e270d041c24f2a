import { expect, test } from "bun:test";
import { load } from "./http-load.ts";

test("every answer is waited for as a whole, however it arrives", async () => {
  let served = 0;
  // Larger than one read of a socket.
  const body = "x".repeat(300_000);
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch() {
      served++;
      return new Response(body);
    },
  });
  const { latencies } = await load({ port: server.port ?? 0, path: "/", clients: 3, duration: 0.05 });
  expect(latencies.length).toBe(served);
  expect(latencies.every((latency) => latency > 0)).toBe(true);
});

test("a refusal ends it: its speed is nobody's interest", async () => {
  using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(null, { status: 401 }) });
  expect(load({ port: server.port ?? 0, path: "/", clients: 1, duration: 0.05 })).rejects.toThrow("401");
});
