import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  array,
  bool,
  type Codec,
  count,
  decode,
  double,
  encode,
  fixedArray,
  fixedOpaque,
  flag,
  float,
  hyper,
  int,
  nothing,
  opaque,
  optional,
  signedCount,
  string,
  struct,
  uhyper,
  uint,
  union,
} from "./codec.ts";
import { param, paramsToRecord, remoteError, typedParams, uuid } from "./protocol/index.ts";
import { XdrError, XdrReader, XdrWriter } from "./xdr.ts";

const bytes = (max: number) => fc.uint8Array({ maxLength: max });
/** Text without lone surrogates (they have no UTF-8) and without NUL (libvirt has C strings). */
const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("\0"));

const roundTrips: Record<string, [codec: unknown, values: fc.Arbitrary<unknown>]> = {
  int: [int, fc.integer()],
  uint: [uint, fc.nat(0xffff_ffff)],
  hyper: [hyper, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  uhyper: [uhyper, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  count: [count, fc.maxSafeNat()],
  signedCount: [signedCount, fc.maxSafeInteger()],
  double: [double, fc.double()],
  float: [float, fc.float()],
  bool: [bool, fc.boolean()],
  flag: [flag, fc.boolean()],
  string: [string(4000), text],
  opaque: [opaque(100), bytes(100)],
  fixedOpaque: [fixedOpaque(5), fc.uint8Array({ minLength: 5, maxLength: 5 })],
  optional: [optional(uint), fc.option(fc.nat())],
  array: [array(string(4000), 20), fc.array(text, { maxLength: 20 })],
  fixedArray: [fixedArray(int, 3), fc.array(fc.integer(), { minLength: 3, maxLength: 3 })],
  struct: [
    struct({ name: string(4000), list: array(optional(hyper), 5) }),
    fc.record({ name: text, list: fc.array(fc.option(fc.bigInt({ min: -9n, max: 9n })), { maxLength: 5 }) }),
  ],
  union: [
    union({ 1: int, 7: string(4000) }),
    fc.oneof(
      fc.record({ type: fc.constant(1), value: fc.integer() }),
      fc.record({ type: fc.constant(7), value: text }),
    ),
  ],
  uuid: [uuid, fc.uuid()],
};

describe("what is written is read", () => {
  for (const [name, [codec, values]] of Object.entries(roundTrips)) {
    test(name, () => {
      const typed = codec as Codec<unknown>;
      fc.assert(
        fc.property(values, (value) => {
          const wire = encode(typed, value);
          expect(wire.length % 4).toBe(0);
          expect(decode(typed, wire)).toEqual(value);
        }),
      );
    });
  }

  test("a writer that has to grow writes the same", () => {
    for (const [codec, values] of Object.values(roundTrips)) {
      const typed = codec as Codec<unknown>;
      fc.assert(
        fc.property(values, fc.nat(16), (value, capacity) => {
          const writer = new XdrWriter(capacity);
          typed.encode(writer, value);
          expect(writer.finish().toHex()).toBe(encode(typed, value).toHex());
        }),
        { numRuns: 30 },
      );
    }
  });

  test("a truncated or a longer message is refused, never misread", () => {
    for (const [codec, values] of Object.values(roundTrips)) {
      const typed = codec as Codec<unknown>;
      fc.assert(
        fc.property(values, fc.nat(), (value, seed) => {
          const wire = encode(typed, value);
          if (wire.length === 0) return;
          expect(() => decode(typed, wire.subarray(0, seed % wire.length))).toThrow(XdrError);
          expect(() => decode(typed, Buffer.concat([wire, new Uint8Array(4)]))).toThrow(XdrError);
        }),
        { numRuns: 30 },
      );
    }
  });

  test("arbitrary bytes either decode or are refused, without harm", () => {
    const deep = typedParams(64);
    fc.assert(
      fc.property(bytes(400), (wire) => {
        for (const codec of [deep, remoteError] as Codec<unknown>[]) {
          try {
            decode(codec, wire);
          } catch (error) {
            expect(error).toBeInstanceOf(XdrError);
          }
        }
      }),
    );
  });
});

describe("the wire is RFC 4506's", () => {
  const hex = (wire: Uint8Array): string => wire.toHex();

  test.each([
    ["int", encode(int, -2), "fffffffe"],
    ["hyper", encode(hyper, -2n), "fffffffffffffffe"],
    ["bool", encode(bool, true), "00000001"],
    ["double", encode(double, 1), "3ff0000000000000"],
    ["a string and its padding", encode(string(9), "hello"), "0000000568656c6c6f000000"],
    ["fixed opaque", encode(fixedOpaque(2), new Uint8Array([1, 2])), "01020000"],
    ["variable opaque", encode(opaque(9), new Uint8Array([1])), "0000000101000000"],
    ["a missing optional", encode(optional(int), null), "00000000"],
    ["a present optional", encode(optional(int), 7), "0000000100000007"],
    ["an array", encode(array(int, 9), [1, 2]), "000000020000000100000002"],
    ["a union", encode(union({ 3: hyper }), { type: 3, value: 1n }), "000000030000000000000001"],
    ["nothing", encode(nothing, {}), ""],
  ])("%s", (_, wire, expected) => {
    expect(hex(wire)).toBe(expected);
  });
});

describe("values that do not fit are refused", () => {
  test.each<[string, () => unknown]>([
    ["int over 2^31", () => encode(int, 2 ** 31)],
    ["a negative uint", () => encode(uint, -1)],
    ["a fraction", () => encode(int, 1.5)],
    ["hyper over 2^63", () => encode(hyper, 2n ** 63n)],
    ["a negative uhyper", () => encode(uhyper, -1n)],
    ["a count that cannot be exact", () => encode(count, 2 ** 53)],
    ["a string over its limit, in bytes", () => encode(string(3), "éé")],
    ["a string with a NUL", () => encode(string(9), "a\0b")],
    ["too many items", () => encode(array(int, 1), [1, 2])],
    ["too few items", () => encode(fixedArray(int, 2), [1])],
    ["too many bytes", () => encode(opaque(1), new Uint8Array(2))],
    ["the wrong number of bytes", () => encode(fixedOpaque(1), new Uint8Array(2))],
    ["no UUID", () => encode(uuid, "web-1")],
    ["a length over the limit, read", () => decode(string(3), encode(string(9), "four"))],
    ["a count of items that are not there", () => decode(array(int, 2 ** 20), encode(uint, 2 ** 20))],
    ["an unknown kind", () => decode(union({ 1: int }), encode(int, 2))],
    ["a boolean of 2", () => decode(bool, encode(uint, 2))],
  ])("%s", (_, attempt) => {
    expect(attempt).toThrow(XdrError);
  });

  test("a count beyond 2^53 is rounded when read", () => {
    const writer = new XdrWriter();
    writer.uhyper(2n ** 63n + 1n);
    expect(count.decode(new XdrReader(writer.finish()))).toBe(2 ** 63);
  });
});

test("typed parameters become plain values", () => {
  const params = [
    param.int("a", -1),
    param.ullong("b", 2n ** 60n),
    param.llong("c", -5),
    param.boolean("d", true),
    param.string("e", "text"),
    param.double("f", 0.5),
    param.uint("__proto__", 1),
  ];
  const record = paramsToRecord(decode(typedParams(16), encode(typedParams(16), params)));
  expect({ ...record }).toEqual({ a: -1, b: 2n ** 60n, c: -5, d: true, e: "text", f: 0.5, ["__proto__"]: 1 });
});
