import { describe, expect, test } from "bun:test";
import { clientAddress, clientNetwork, loopbackProxies, readTrustedProxies } from "./client-address.ts";

const trusted = readTrustedProxies("10.0.0.0/8, 192.0.2.7 fd00::/8");
const from = (peer: string, headers: Record<string, string> = {}, proxies = trusted) =>
  clientAddress(peer, new Headers(headers), proxies);

describe("the client's address", () => {
  test.each([
    // Whoever is no trusted proxy is the client, whatever it says.
    ["198.51.100.1", {}, "198.51.100.1"],
    ["198.51.100.1", { "x-forwarded-for": "203.0.113.9" }, "198.51.100.1"],
    ["198.51.100.1", { forwarded: "for=203.0.113.9" }, "198.51.100.1"],
    ["127.0.0.1", { "x-forwarded-for": "203.0.113.9" }, "127.0.0.1"],
    // The right-most that is not trusted: the rest is the client's own word.
    ["10.0.0.1", { "x-forwarded-for": "203.0.113.9" }, "203.0.113.9"],
    ["10.0.0.1", { "x-forwarded-for": "1.1.1.1, 203.0.113.9" }, "203.0.113.9"],
    ["10.0.0.1", { "x-forwarded-for": "1.1.1.1, 203.0.113.9, 10.2.3.4,192.0.2.7" }, "203.0.113.9"],
    ["10.0.0.1", { "x-forwarded-for": "10.0.0.3, 10.0.0.2" }, "10.0.0.3"],
    ["10.0.0.1", { "x-forwarded-for": "203.0.113.9:4711" }, "203.0.113.9"],
    ["10.0.0.1", { "x-forwarded-for": "[2001:DB8::0:1]:4711" }, "2001:db8::1"],
    ["10.0.0.1", { "x-forwarded-for": "2001:db8::1" }, "2001:db8::1"],
    ["::ffff:10.0.0.1", { "x-forwarded-for": "::ffff:203.0.113.9" }, "203.0.113.9"],
    ["fd12::1%eth0", { "x-forwarded-for": "203.0.113.9" }, "203.0.113.9"],
    // Where it makes no sense the last proxy counts, not the client's word.
    ["10.0.0.1", { "x-forwarded-for": "203.0.113.9, unknown" }, "10.0.0.1"],
    ["10.0.0.1", { "x-forwarded-for": "203.0.113.9, <script>, 10.0.0.2" }, "10.0.0.2"],
    ["10.0.0.1", { "x-forwarded-for": "" }, "10.0.0.1"],
    ["10.0.0.1", { "x-forwarded-for": "999.0.0.1" }, "10.0.0.1"],
    ["10.0.0.1", { forwarded: 'for="[2001:db8::17]:4711";proto=https;by=10.0.0.1' }, "2001:db8::17"],
    ["10.0.0.1", { forwarded: 'for=1.1.1.1, proto=http; FOR="203.0.113.9"' }, "203.0.113.9"],
    ["10.0.0.1", { forwarded: 'for="1.1.1.1, for=2.2.2.2", for=203.0.113.9' }, "203.0.113.9"],
    ["10.0.0.1", { forwarded: 'for=1.1.1.1;x=", for="[2001:db8::17]"' }, "2001:db8::17"],
    ["10.0.0.1", { forwarded: 'for=1.1.1.1;x=", for=203.0.113.9' }, "203.0.113.9"],
    ["10.0.0.1", { forwarded: 'host="a;for=1.1.1.1";for=203.0.113.9' }, "10.0.0.1"],
    ["10.0.0.1", { forwarded: "for=203.0.113.9, for=_hidden" }, "10.0.0.1"],
    ["10.0.0.1", { forwarded: "proto=https" }, "10.0.0.1"],
    // One of them is the client's own: which one, nobody knows.
    ["10.0.0.1", { forwarded: "for=1.1.1.1", "x-forwarded-for": "203.0.113.9" }, "10.0.0.1"],
    ["10.0.0.1", { forwarded: "for=203.0.113.9", "x-forwarded-for": "203.0.113.9" }, "203.0.113.9"],
  ])("%s %p is %s", (peer, headers, client) => {
    expect(from(peer, headers)).toBe(client);
  });

  test("the portal on the same machine", () => {
    const loopback = readTrustedProxies(loopbackProxies);
    for (const peer of ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
      expect(from(peer, { "x-forwarded-for": "203.0.113.9" }, loopback)).toBe("203.0.113.9");
    expect(from("127.0.0.2", { "x-forwarded-for": "203.0.113.9" }, loopback)).toBe("127.0.0.2");
    expect(clientAddress(undefined, new Headers(), loopback)).toBeUndefined();
  });
});

test.each(["10.0.0.0/33", "fd00::/129", "10.0.0/8", "proxy.example", "10.0.0.1/x", "/8"])(
  "%s is no proxy's address",
  (text) => {
    expect(() => readTrustedProxies(`10.0.0.1, ${text}`)).toThrow(text);
  },
);

test("one client is an IPv4 address, or a /64", () => {
  expect(clientNetwork("203.0.113.9")).toBe("203.0.113.9");
  expect(clientNetwork("::ffff:203.0.113.9")).toBe("203.0.113.9");
  expect(clientNetwork("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
  expect(clientNetwork("2001:db8:1:2::7")).toBe("2001:db8:1:2::/64");
  expect(clientNetwork("2001:db8::7")).toBe("2001:db8:0:0::/64");
  expect(clientNetwork("::1")).toBe("0:0:0:0::/64");
  expect(clientNetwork("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
});
