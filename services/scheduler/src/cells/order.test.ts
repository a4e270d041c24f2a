import { expect, test } from "bun:test";
import { heartbeatMatter, inventoryMatter, ReportOrder } from "./order.ts";

test("the first word is news of a boot; the same or an earlier one is none", () => {
  const order = new ReportOrder();
  expect(order.accept("a", 0, "i-1")).toBe("new-boot");
  expect(order.accept("a", 0, "i-1")).toBe(false);
  expect(order.accept("a", 5, "i-1")).toBe(true);
  expect(order.accept("a", 4, "i-1")).toBe(false);
});

test("an inventory speaks of every instance, a report of its own only", () => {
  const order = new ReportOrder();
  order.accept("a", 5, "i-1");
  expect(order.accept("a", 4, "i-2")).toBe(true);
  expect(order.accept("a", 6, inventoryMatter)).toBe(true);
  expect(order.accept("a", 5, "i-2")).toBe(false);
  expect(order.accept("a", 7, "i-2")).toBe(true);
  expect(order.accept("a", 6, inventoryMatter)).toBe(false);
});

test("heartbeats go their own way", () => {
  const order = new ReportOrder();
  order.accept("a", 9, inventoryMatter);
  expect(order.accept("a", 8, heartbeatMatter)).toBe(true);
  order.accept("a", 10, inventoryMatter);
  expect(order.accept("a", 8, heartbeatMatter)).toBe(false);
});

test("what is left of an earlier boot is old, whatever its number", () => {
  const order = new ReportOrder();
  order.accept("a", 100, "i-1");
  expect(order.accept("b", 0, "i-1")).toBe("new-boot");
  expect(order.accept("a", 101, "i-1")).toBe(false);
  expect(order.accept("b", 1, "i-1")).toBe(true);
});
