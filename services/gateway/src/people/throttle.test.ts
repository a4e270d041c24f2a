import { expect, test } from "bun:test";
import { createThrottle } from "./throttle.ts";

/** Time that moves only when told. */
const still = () => {
  let at = 0;
  return {
    now: () => at,
    monotonic: () => at,
    pass(ms: number) {
      at += ms;
    },
  };
};

test("a burst, then one per refill; full again after a rest", () => {
  const clock = still();
  const throttle = createThrottle(clock, { burst: 3, refillMs: 100 });
  expect([1, 2, 3].map(() => throttle.take("a"))).toEqual([0, 0, 0]);
  expect(throttle.take("a")).toBe(100);
  expect(throttle.take("b")).toBe(0);
  clock.pass(60);
  expect(throttle.take("a")).toBe(40);
  clock.pass(40);
  expect([throttle.take("a"), throttle.take("a")]).toEqual([0, 100]);
  clock.pass(300);
  expect([1, 2, 3, 4].map(() => throttle.take("a"))).toEqual([0, 0, 0, 100]);
});

test("what is given back does not count", () => {
  const throttle = createThrottle(still(), { burst: 1, refillMs: 100 });
  for (let i = 0; i < 10; i++) {
    expect(throttle.take("a")).toBe(0);
    throttle.giveBack("a");
  }
});

test("any number of keys takes bounded room", () => {
  const throttle = createThrottle(still(), { burst: 1, refillMs: 100, maxKeys: 2 });
  for (const key of ["a", "b", "c"]) expect(throttle.take(key)).toBe(0);
  expect(throttle.take("c")).toBe(100);
  expect(throttle.take("a")).toBe(0);
});
