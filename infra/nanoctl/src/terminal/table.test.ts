import { expect, test } from "bun:test";
import { Problem } from "../problem.ts";
import { readArguments, wholeNumber } from "./arguments.ts";
import { duration, seconds, table } from "./table.ts";

test("columns are aligned, numbers to the right, and no line ends in blanks", () => {
  const text = table([
    ["service", "pid", "memory"],
    ["nats", "17", "9.1 MiB"],
    ["scheduler", "123456", "60.4 MiB"],
    ["web", "-", "-"],
  ]);
  expect(text).toBe(
    [
      "service       pid    memory",
      "nats           17   9.1 MiB",
      "scheduler  123456  60.4 MiB",
      "web             -         -",
    ].join("\n"),
  );
});

test("durations are as long as they are useful", () => {
  const second = 1000;
  const hour = 3600 * second;
  expect([0, 90 * second, 150 * second, 3 * hour, 72 * hour].map(duration)).toEqual([
    "0 s",
    "90 s",
    "3 min",
    "3 h",
    "3 d",
  ]);
  expect([12, 2345, 12_345].map(seconds)).toEqual(["0.01 s", "2.35 s", "12.3 s"]);
});

test("a mistyped option or a superfluous word is an error that says so", () => {
  expect(() => readArguments("up", ["--compct"], { compact: { type: "boolean" } })).toThrow("--compct");
  expect(() => readArguments("down", ["now"], {})).toThrow("now");
  expect(() => readArguments("restart", ["web", "now"], {}, 1)).toThrow("now");
  for (const text of ["x", "-1", "1.5", "11", ""]) expect(() => wholeNumber("--sim", text, 1, 10)).toThrow(Problem);
  expect(wholeNumber("--sim", "10", 1, 10)).toBe(10);
});
