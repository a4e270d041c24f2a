import { expect, test } from "bun:test";
import { createPercent, createProgress } from "./progress.ts";

const MiB = 2 ** 20;
const run = (terminal: boolean, steps: readonly (readonly [ms: number, done: number])[], before = 0): string => {
  let now = 0;
  let text = "";
  const write = (piece: string) => {
    text += piece;
  };
  const progress = createProgress({ title: "Sending", total: 100 * MiB, before, terminal, now: () => now, write });
  for (const [ms, done] of steps) {
    now = ms;
    progress.at(done * MiB);
  }
  progress.end();
  return text;
};

test("on a terminal one line changes, not too often, and the last word is said", () => {
  expect(
    run(true, [
      [0, 0],
      [100, 5],
      [1000, 10],
      [10_000, 100],
    ]),
  ).toBe(
    [
      "Sending   0 %  0.0 MiB of 100.0 MiB",
      "Sending  10 %  10.0 MiB of 100.0 MiB  10.0 MiB/s, 9 s left",
      "Sending 100 %  100.0 MiB of 100.0 MiB  10.0 MiB/s",
    ]
      .map((line) => `\r\x1b[K${line}`)
      .join("")
      .concat("\n"),
  );
});

test("elsewhere every tenth is a line, and what was there before took no time", () => {
  expect(
    run(
      false,
      [
        [0, 50],
        [1000, 55],
        [2000, 61],
        [3000, 100],
      ],
      50 * MiB,
    ),
  ).toBe(
    [
      "Sending  61 %  61.0 MiB of 100.0 MiB  5.5 MiB/s, 7 s left",
      "Sending 100 %  100.0 MiB of 100.0 MiB  16.7 MiB/s",
      "",
    ].join("\n"),
  );
});

test("percent alone, where nobody knows the bytes", () => {
  let text = "";
  const write = (piece: string) => {
    text += piece;
  };
  const progress = createPercent({ title: "Converting", terminal: false, write });
  for (const percent of [0, 9, 10, 15, 42, 100]) progress.at(percent);
  progress.end();
  expect(text).toBe("Converting  10 %\nConverting  42 %\nConverting 100 %\n");
});
