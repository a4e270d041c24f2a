/**
 * Whose address the portal passes on: the browser's, whatever proxies stand between, and never what the browser says of
 * itself.
 */
import { expect, test } from "bun:test";
import { startWorld } from "./testing/world.ts";

const forged = { "X-Forwarded-For": "198.51.100.7", Forwarded: "for=198.51.100.7" };

const seenFrom = async (trustedProxies: string, headers: Record<string, string>) => {
  using gateway = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const { headers } = request;
      return Response.json([headers.get("x-forwarded-for"), headers.get("forwarded")]);
    },
  });
  await using world = await startWorld({ gatewayUrl: `http://127.0.0.1:${gateway.port}`, trustedProxies });
  const forwarded = await (await fetch(`${world.base}/api/v2/pools`, { headers })).json();
  await world.stranger().post("/login", { name: "eve", password: "wrong" }, headers);
  return { forwarded, login: world.cloud.loginsFrom };
};

test("without trusted proxies it is the connection's", async () => {
  expect(await seenFrom("", forged)).toEqual({ forwarded: ["127.0.0.1", null], login: ["127.0.0.1"] });
});

test("behind a trusted proxy it is what the proxy saw", async () => {
  expect(await seenFrom("127.0.0.0/8", { "X-Forwarded-For": "198.51.100.7, 203.0.113.9" })).toEqual({
    forwarded: ["203.0.113.9", null],
    login: ["203.0.113.9"],
  });
});
