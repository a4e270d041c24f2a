import { expect, test } from "bun:test";
import { addressScope } from "./addresses.ts";

test("private addresses are internal, all others external", () => {
  for (const address of ["10.0.0.1", "192.168.122.7", "172.16.0.1", "172.31.255.1", "100.64.0.1", "fd12:3456::1"])
    expect([address, addressScope(address)]).toEqual([address, "internal"]);
  for (const address of [
    "8.8.8.8",
    "172.32.0.1",
    "172.15.0.1",
    "100.63.0.1",
    "100.128.0.1",
    "192.0.2.1",
    "2001:db8::1",
  ])
    expect([address, addressScope(address)]).toEqual([address, "external"]);
});
