import { expect, test } from "bun:test";
import { codeOf } from "../testing/world.ts";
import { isPlausible, mostAhead, newestEpoch, requirePlausible, unknown } from "./epochs.ts";

test("a cell's word lifts the record, but not without bound, however often it is said", () => {
  const known = { epoch: 1, assignedEpoch: 1 };
  expect(newestEpoch(known, 3)).toBe(3);
  expect(newestEpoch({ epoch: 5, assignedEpoch: 1 }, 3)).toBe(5);
  expect(newestEpoch(known, Number.MAX_SAFE_INTEGER)).toBe(1);
  let lifted = known;
  for (let n = 0; n < 10; n++) lifted = { ...lifted, epoch: newestEpoch(lifted, lifted.epoch + mostAhead) };
  expect(lifted.epoch).toBeLessThanOrEqual(1 + mostAhead);
});

test("what no record knows may have come as far as a zone can come", async () => {
  expect(isPlausible(unknown, mostAhead)).toBe(true);
  requirePlausible(unknown, mostAhead);
  expect(await codeOf(Promise.resolve().then(() => requirePlausible(unknown, mostAhead + 1)))).toBe("stale-epoch");
});
