import { expect, test } from "bun:test";
import { interfaceFor } from "./interface.ts";
import { openGroupSocket, openMemberSocket } from "./socket.ts";

const address = (text: string, family: "IPv4" | "IPv6") => ({
  address: text,
  netmask: "",
  family,
  mac: "02:00:00:00:00:01",
  internal: false,
  cidr: null,
  scopeid: 0,
});
const interfaces = {
  lo: [address("127.0.0.1", "IPv4"), address("::1", "IPv6")],
  eth0: [address("10.0.0.5", "IPv4"), address("2001:db8::5", "IPv6"), address("fe80::1%eth0", "IPv6")],
  eth1: [address("2001:db8:1::5", "IPv6")],
} as unknown as Parameters<typeof interfaceFor>[2];
const group = "224.0.0.226";

test("an address of the group's family names the interface itself", () => {
  for (const host of ["127.0.0.1", "10.0.0.5", "192.0.2.9"]) expect(interfaceFor(host, group, interfaces)).toBe(host);
  expect(interfaceFor("2001:db8::5", "ff02::226", interfaces)).toBe("2001:db8::5");
});

test("one of the other family names the interface that has it", () => {
  for (const host of ["::1", "0:0::1", "localhost"]) expect(interfaceFor(host, group, interfaces)).toBe("127.0.0.1");
  for (const host of ["2001:db8::5", "2001:DB8:0::5", "fe80::1"])
    expect(interfaceFor(host, group, interfaces)).toBe("10.0.0.5");
  expect(interfaceFor("10.0.0.5", "ff02::226", interfaces)).toBe("2001:db8::5");
  expect(interfaceFor("127.0.0.1", "ff02::226", interfaces)).toBe("::1");
});

test("there is none where the interface has no such address, or is not here", () => {
  for (const host of ["2001:db8:1::5", "2001:db8::6"]) expect(interfaceFor(host, group, interfaces)).toBeUndefined();
});

test("an interface that the group cannot use is told in words", async () => {
  const at = { domain: "test", group, port: 5_599, interface: "::1" };
  for (const open of [openGroupSocket, openMemberSocket]) {
    await expect(open(at, () => {})).rejects.toThrow("'::1' is no IPv4 address");
    await expect(open({ ...at, group: "ff02::226" }, () => {})).rejects.toThrow(
      "'ff02::226' is no IPv4 multicast group",
    );
    await expect(open({ ...at, group: "10.0.0.1" }, () => {})).rejects.toThrow("no IPv4 multicast group");
  }
});
