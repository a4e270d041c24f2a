import { expect, test } from "bun:test";
import { table } from "./table.ts";
import { atLeast, ratioAtMost } from "./target.ts";

test("the verdict is about the median, relative or absolute as the target says", () => {
  const peer = { name: "peer", figure: { unit: "s", samples: [1, 1, 1] } } as const;
  const lines = table([
    { what: "met", measured: { unit: "s", samples: [1.1, 1.2, 9] }, peer, target: ratioAtMost(1.2) },
    { what: "missed", measured: { unit: "s", samples: [1.3] }, peer, target: ratioAtMost(1.2) },
    { what: "absolute", measured: { unit: "/s", samples: [1_999] }, target: atLeast(2_000) },
    { what: "nothing to compare with", measured: { unit: "s", samples: [1] }, target: ratioAtMost(1.2) },
    { what: "no target", measured: { unit: "s", samples: [1] }, peer },
  ]).split("\n");
  expect(lines.slice(2).map((line) => line.split("|").at(-2)?.trim())).toEqual([
    "met",
    "MISSED",
    "MISSED",
    "MISSED",
    "–",
  ]);
});

test("columns are aligned, also with letters that take more than one byte", () => {
  const lines = table([
    { what: "µ", measured: { unit: "s", samples: [1e-6] } },
    { what: "longer", measured: { unit: "s", samples: [1] } },
  ]).split("\n");
  expect(new Set(lines.map((line) => Bun.stringWidth(line))).size).toBe(1);
});
