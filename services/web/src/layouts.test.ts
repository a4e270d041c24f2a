/**
 * The keyboards that text is typed with: each character by its key, what has none is known before anything is typed.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";

interface Key {
  readonly code: string;
  readonly shift?: true;
  readonly altGr?: true;
}
const {
  layouts,
  untypable,
}: {
  layouts: Readonly<Record<string, ReadonlyMap<string, Key>>>;
  untypable(name: string, text: string): string[];
} = await import(join(import.meta.dir, "../public/layouts.js"));

const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");

test("a layout has a key for what its keyboard has", () => {
  expect(layouts.us?.get("@")).toEqual({ code: "Digit2", shift: true });
  expect(layouts.de?.get("@")).toEqual({ code: "KeyQ", altGr: true });
  expect(layouts.de?.get("z")).toEqual({ code: "KeyY" });
  expect(layouts.fr?.get("A")).toEqual({ code: "KeyQ", shift: true });
  expect(layouts.fr?.get("1")).toEqual({ code: "Digit1", shift: true });
  expect(layouts.gb?.get("£")).toEqual({ code: "Digit3", shift: true });
});

test("what cannot be typed is named", () => {
  for (const name of ["us", "gb", "fr"]) expect([name, untypable(name, ascii)]).toEqual([name, []]);
  // Dead keys there: they make an accent, and nothing by themselves.
  expect(untypable("de", ascii)).toEqual(["^", "`"]);
  expect(untypable("us", "grüße 中\n\t")).toEqual(["ü", "ß", "中"]);
  expect(untypable("de", "grüße")).toEqual([]);
});

test("each key makes one character of each kind", () => {
  for (const keys of Object.values(layouts)) {
    const presses = [...keys.values()].map(({ code, shift, altGr }) => `${code} ${shift} ${altGr}`);
    expect(new Set(presses).size).toBe(presses.length);
    for (const { code } of keys.values()) expect(code).toMatch(/^(Key[A-Z]|Digit\d|[A-Z][A-Za-z]+)$/);
  }
});
