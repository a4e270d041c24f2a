import { expect, test } from "bun:test";
import fc from "fast-check";
import { knownFrom, toldByAgent, usefulAddresses } from "./addresses.ts";

test("addresses that others can use are kept, each once, in their order", () => {
  const told = ["192.0.2.7", "10.0.0.4", "2001:db8::7", "192.0.2.7", "fd00::1"];
  expect(usefulAddresses(told)).toEqual(["192.0.2.7", "10.0.0.4", "2001:db8::7", "fd00::1"]);
});

test("loopback, link-local, multicast, broadcast and nobody's are left out", () => {
  const useless = [
    ...["127.0.0.1", "169.254.3.4", "0.0.0.0", "224.0.0.1", "239.1.1.1", "255.255.255.255"],
    ...[
      "::",
      "::1",
      "fe80::1",
      "FE80::1",
      "febf::1",
      "ff02::1",
      "::ffff:127.0.0.1",
      "fe80::1%eth0",
      "2001:db8::1%eth0",
    ],
  ];
  for (const address of useless) expect([address, usefulAddresses([address])]).toEqual([address, []]);
});

test("an address is known to be of the interface it was told of, if that has a hardware address", () => {
  const told = (...addresses: string[]) => addresses.map((address) => ({ address }));
  const known = knownFrom([
    { mac: "00:00:00:00:00:00", addresses: told("127.0.0.1") },
    { mac: "52:54:00:AA:00:01", addresses: told("192.0.2.7", "fe80::1", "2001:db8::7") },
    { mac: "52:54:00:aa:00:02", addresses: told("198.51.100.7", "192.0.2.7") },
    { mac: null, addresses: told("203.0.113.7") },
  ]);
  expect(known.all).toEqual(["192.0.2.7", "2001:db8::7", "198.51.100.7", "203.0.113.7"]);
  expect([...known.byMac]).toEqual([
    ["52:54:00:aa:00:01", ["192.0.2.7", "2001:db8::7"]],
    ["52:54:00:aa:00:02", ["198.51.100.7"]],
  ]);
});

test("an agent's answer is read as far as it is one", () => {
  const answer = {
    return: [
      { name: "lo", "ip-addresses": [{ "ip-address-type": "ipv4", "ip-address": "127.0.0.1", prefix: 8 }] },
      {
        name: "eth0",
        "hardware-address": "52:54:00:aa:00:01",
        statistics: { "rx-bytes": 1 },
        "ip-addresses": [{ "ip-address-type": "ipv4", "ip-address": "192.0.2.7", prefix: 24 }],
      },
      { name: "eth1", "hardware-address": "52:54:00:aa:00:02" },
    ],
  };
  expect(toldByAgent(JSON.stringify(answer))).toEqual([
    { mac: null, addresses: [{ address: "127.0.0.1" }] },
    { mac: "52:54:00:aa:00:01", addresses: [{ address: "192.0.2.7" }] },
    { mac: "52:54:00:aa:00:02", addresses: [] },
  ]);
  for (const other of [
    "",
    "{}",
    '{"return":{}}',
    '{"return":[{"ip-addresses":[{"ip-address":7}]}]}',
    '{"return":[null]}',
  ])
    expect(toldByAgent(other)).toEqual([]);
  for (const none of ["<html>", "[]", `{"return":${"[".repeat(100_000)}`]) expect(() => toldByAgent(none)).toThrow();
});

test("whatever an agent says, no more than sixteen addresses come of it, and nothing that is none", () => {
  const anything = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.ipV4(),
    fc.ipV6(),
    fc.constant("<script>alert(1)</script>"),
  );
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 100 }), (told) => {
      const kept = usefulAddresses(told);
      expect(kept.length).toBeLessThanOrEqual(16);
      for (const address of kept) expect(address).toMatch(/^[0-9a-fA-F:.]{2,45}$/);
    }),
    { numRuns: 200 },
  );
  expect(usefulAddresses(Array.from({ length: 100_000 }, (_, n) => `10.1.${n >> 8}.${n & 255}`)).length).toBe(16);
});
