import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fits, MacAddress, NanoError, NewLabel, parseObject } from "./index.ts";

const refusalOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof NanoError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "taken";
};

describe("one JSON object", () => {
  test.each([
    ['{"name":"a","name":"b"}'],
    ['{"a":{"b":1,"b":2}}'],
    ['{"a":[{"b":1},{"b":1,"\\u0062":2}]}'],
    ['{ "a" : "x,{}" , "a" : 1 }'],
    ['{"a":[1,2],"b":{},"a":3}'],
  ])("%s has a field twice", (text) => {
    expect(refusalOf(() => parseObject(text, "Reading"))).toBe("malformed-request Reading: a field is given twice");
  });

  test.each([['{"a":"\\ud800"}'], ['{"a":["x\\uDFFF"]}'], ['{"\\udead":1}'], ['{"a":{"b":"\\ude00\\ud83d"}}']])(
    "%s holds half of a surrogate pair",
    (text) => {
      expect(refusalOf(() => parseObject(text, "Reading"))).toContain("half of a surrogate pair");
    },
  );

  test("what is well-formed is taken as JSON.parse takes it", () => {
    expect(parseObject('{"a":"\\ud83d\\ude00","b":[{"a":1},{"a":1}],"c":{"a":"a"}}', "Reading")).toEqual({
      a: "\u{1f600}",
      b: [{ a: 1 }, { a: 1 }],
      c: { a: "a" },
    });
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue({ maxDepth: 4, stringUnit: "grapheme" })),
        (value) => {
          const text = JSON.stringify(value);
          expect(parseObject(text, "Reading")).toEqual(JSON.parse(text));
        },
      ),
      { seed: 9 },
    );
  });

  test("any text is taken or refused, never anything else", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\ua1 ') }), (text) => {
        expect(refusalOf(() => parseObject(text, "Reading"))).toMatch(/^(taken|malformed-request )/);
      }),
      { seed: 9, numRuns: 2_000 },
    );
  });
});

test.each([
  ["a", true],
  [" a ", true],
  ["网页 一", true],
  ["\u{1f600}", true],
  ["e\u0301", true],
  [" ", false],
  ["\u00a0\u3000", false],
  ["\u200b\u2060", false],
  ["\u3164", false],
  ["\u2800", false],
  ["\u0301", false],
  ["\u{e0041}", false],
  ["\u00ad", false],
  ["a\u202eb", false],
  ["a\nb", false],
  ["x".repeat(128), true],
  ["x".repeat(129), false],
  ["", false],
])("a label of %p can be seen and read: %p", (label, taken) => {
  expect(fits(NewLabel, label)).toBe(taken);
});

test.each([
  ["52:54:00:1a:2b:3c", true],
  ["00:16:3E:00:00:00", true],
  ["00:00:00:00:00:01", true],
  ["F2:00:00:00:00:00", true],
  ["00:00:00:00:00:00", false],
  ["fe:54:00:1a:2b:3c", false],
  ["FE:54:00:1a:2b:3c", false],
  ["53:54:00:1a:2b:3c", false],
  ["52:54:00:1a:2b", false],
  ["52-54-00-1a-2b-3c", false],
])("a MAC address like %p is a host's own: %p", (mac, taken) => {
  expect(fits(MacAddress, mac)).toBe(taken);
});
