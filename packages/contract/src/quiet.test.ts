import { expect, test } from "bun:test";
import { createQuietLog, type Log } from "./index.ts";

const setUp = () => {
  const lines: Readonly<Record<string, unknown>>[] = [];
  let waiting: (() => void)[] = [];
  const log: Log = { info() {}, warn: (message, facts) => void lines.push({ message, ...facts }), error() {} };
  const quiet = createQuietLog(log, (milliseconds, run) => {
    expect(milliseconds).toBe(60_000);
    waiting.push(run);
  });
  const minutePasses = () => {
    const due = waiting;
    waiting = [];
    for (const run of due) run();
  };
  return { lines, quiet, minutePasses, waiting: () => waiting.length };
};

test("a thousand times is one line, and one more after a minute that counts the rest", () => {
  const { lines, quiet, minutePasses, waiting } = setUp();
  for (let i = 0; i < 1_000; i++) quiet.warn("junk", "cell-a", "It is junk", { i });
  expect(lines).toEqual([{ message: "It is junk", sender: "cell-a", i: 0 }]);
  minutePasses();
  expect(lines[1]).toEqual({ message: "It is junk", sender: "cell-a", repeated: 999 });
  minutePasses();
  expect([lines.length, waiting()]).toEqual([2, 0]);
  quiet.warn("junk", "cell-a", "It is junk");
  expect(lines.length).toBe(3);
});

test("each kind and sender has a line of its own, up to a bound", () => {
  const { lines, quiet, minutePasses } = setUp();
  for (let i = 0; i < 10_000; i++) quiet.warn("junk", `cell-${i}`, "It is junk");
  quiet.warn("large", "cell-0", "It is large");
  expect(lines.length).toBe(34);
  minutePasses();
  expect(lines.at(-1)).toEqual({ message: "It is junk", sender: "others", repeated: 10_000 - 33 });
});
