import { expect, test } from "bun:test";
import { interleave } from "./interleave.ts";

test("contestants take turns, and the first round does not count", async () => {
  const turns: string[] = [];
  const samples = await interleave(2, {
    a: () => turns.push("a"),
    b: async () => turns.push("b"),
  });
  expect(turns).toEqual(["a", "b", "a", "b", "a", "b"]);
  expect(samples).toEqual({ a: [3, 5], b: [4, 6] });
});
