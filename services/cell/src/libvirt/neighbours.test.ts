import { expect, test } from "bun:test";
import { parseNeighbours } from "./neighbours.ts";

test("who answered on the bridge is known by hardware address; who was only asked for, or is elsewhere, is not", () => {
  const table = `IP address       HW type     Flags       HW address            Mask     Device
192.168.77.67    0x1         0x2         52:54:00:48:2F:14     *        br0
192.168.77.68    0x1         0x6         52:54:00:48:2f:14     *        br0
192.168.77.69    0x1         0x0         00:00:00:00:00:00     *        br0
192.168.77.70    0x1         0x2         52:54:00:48:2f:15     *        br1
`;
  expect([...parseNeighbours(table, "br0")]).toEqual([["52:54:00:48:2f:14", ["192.168.77.67", "192.168.77.68"]]]);
  expect(parseNeighbours("", "br0").size).toBe(0);
});
