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

test("of an interface, only a hardware address that is one is believed", () => {
  const said = (mac: unknown) =>
    toldByAgent(
      JSON.stringify({ return: [{ "hardware-address": mac, "ip-addresses": [{ "ip-address": "192.0.2.7" }] }] }),
    );
  const addresses = [{ address: "192.0.2.7" }];
  expect(said("52:54:00:AA:00:01")).toEqual([{ mac: "52:54:00:aa:00:01", addresses }]);
  for (const junk of [
    "",
    "52:54:00:aa:00",
    "52-54-00-aa-00-01",
    `52:54:00:aa:00:01${"x".repeat(900_000)}`,
    7,
    null,
    [["a"]],
  ])
    expect(said(junk)).toEqual([{ mac: null, addresses }]);
  const known = knownFrom([{ mac: "<script>", addresses }]);
  expect([known.all, known.byMac.size]).toEqual([["192.0.2.7"], 0]);
});

test("of an answer without end, the first thousands are read; junk in it hides nothing else", () => {
  const ip = (n: number) => ({ "ip-address": `10.1.${n >> 8}.${n & 255}` });
  const many = (from: number, count: number) => Array.from({ length: count }, (_, n) => ip(from + n));
  const one = toldByAgent(JSON.stringify({ return: [{ "ip-addresses": many(0, 10_000) }] }));
  expect(one[0]?.addresses.length).toBe(4_096);
  expect(knownFrom(one).all.length).toBe(16);
  const each = toldByAgent(
    JSON.stringify({ return: many(0, 10_000).map((address) => ({ "ip-addresses": [address] })) }),
  );
  expect(each.length).toBe(1_024);
  const spread = toldByAgent(
    JSON.stringify({ return: Array.from({ length: 20 }, () => ({ "ip-addresses": many(0, 1_000) })) }),
  );
  expect(spread.flatMap(({ addresses }) => addresses).length).toBe(4_096);

  const junk = [
    null,
    7,
    [],
    { "ip-addresses": "none" },
    { name: "x".repeat(500_000), "ip-addresses": [null, { "ip-address": "1".repeat(9_999) }] },
  ];
  const honest = { name: "eth0", "ip-addresses": [{ "ip-address": 7 }, ip(1)] };
  expect(knownFrom(toldByAgent(JSON.stringify({ return: [...junk, honest] }))).all).toEqual(["10.1.0.1"]);
  expect(toldByAgent(JSON.stringify({ return: [{ name: "x".repeat(1_100_000), "ip-addresses": [ip(1)] }] }))).toEqual(
    [],
  );
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
