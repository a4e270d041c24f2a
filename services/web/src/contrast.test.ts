/** The design system's colours are readable: WCAG 2.2 AA (4.5:1 for text), light and dark. */
import { expect, test } from "bun:test";
import { join } from "node:path";

const css = await Bun.file(join(import.meta.dir, "../public/app.css")).text();
const tokens = new Map(
  [...css.matchAll(/--([\w-]+):\s*(?:light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)|(#[0-9a-f]{6}));/g)].map(
    ([, name = "", light, dark, both = ""]) => [name, { light: light ?? both, dark: dark ?? both }],
  ),
);

/** Relative luminance (WCAG 2.2). */
const luminance = (colour: string): number => {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a: string, b: string): number => {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};

const surfaces = ["bg", "surface", "raised", "sunken"];
const pairs: [string, string][] = [
  ...["text", "text-2", "accent"].flatMap((ink) => surfaces.map((surface): [string, string] => [ink, surface])),
  ["text-3", "raised"],
  ["accent-strong", "accent-soft"],
  ["good", "good-soft"],
  ["warn", "warn-soft"],
  ["bad", "bad-soft"],
  ["bad", "surface"],
  ["busy", "accent-soft"],
  ["idle", "sunken"],
  ["text", "warn-soft"],
  ["text-2", "bad-soft"],
  ["on-accent", "accent-fill"],
  ["on-accent", "bad-fill"],
];

test.each(pairs)("%s on %s", (ink, surface) => {
  for (const scheme of ["light", "dark"] as const) {
    const [front, back] = [tokens.get(ink)?.[scheme], tokens.get(surface)?.[scheme]];
    if (!front || !back) throw new Error(`${ink} or ${surface} is not a colour token`);
    expect(contrast(front, back)).toBeGreaterThanOrEqual(4.5);
  }
});
