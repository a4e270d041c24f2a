/**
 * Every text a person reads goes through `t("…")`. English is the key, so the code reads as the page does, and a
 * missing Chinese text is a type error. Texts may hold `{name}` and `{count|cell|cells}`: the latter chooses by the
 * number (the first for 1).
 */
import { type ChineseKey, chinese, chinesePatterns } from "./chinese.ts";

export { type ChineseKey as TextKey, isPortalText } from "./chinese.ts";

export const languages = ["en", "zh"] as const;
export type Language = (typeof languages)[number];
export const languageNames: Record<Language, string> = { en: "English", zh: "中文" };

export type Values = Readonly<Record<string, string | number>>;
export type Translate = (text: ChineseKey, values?: Values) => string;

const fill = (template: string, values: Values): string =>
  template.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole: string, name: string, one?: string, many?: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) return whole;
    return one === undefined ? String(value) : Number(value) === 1 ? one : (many ?? "");
  });

export const translator =
  (language: Language): Translate =>
  (text, values = {}) =>
    fill(translateKnown(language, text), values);

/** One sentence with places in it, as an expression that finds what stands there. */
const patterns = Object.entries(chinesePatterns).map(([english, text]) => {
  const parts = english
    .split(/\{(\w+)\}/)
    .map((part, i) => (i % 2 === 0 ? part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") : `(?<${part}>.+?)`));
  return { pattern: new RegExp(`^${parts.join("")}$`, "s"), text };
});
/** What a pattern caught may be a list of things that have their Chinese, like reasons with how often each applies. */
const listed = (value: string): string => {
  const items = value.split(/, | and /).map((item) => {
    const [, text = item, count = ""] = /^(.*?)( \(\d+\))?$/s.exec(item) ?? [];
    const said = Object.hasOwn(chinese, text) ? chinese[text] : fromPattern(text);
    return said === undefined ? undefined : `${said}${count}`;
  });
  return items.every((item) => item !== undefined) ? items.join("、") : value;
};
const fromPattern = (text: string): string | undefined => {
  for (const { pattern, text: translated } of patterns) {
    const found = pattern.exec(text);
    if (found)
      return fill(
        translated,
        Object.fromEntries(Object.entries(found.groups ?? {}).map(([name, value]) => [name, listed(value)])),
      );
  }
  return undefined;
};

/** Whether a sentence is one of ours: in the catalogue, and what it names there too, or a number or a format. */
export const isKnownText = (text: string): boolean =>
  Object.hasOwn(chinese, text) ||
  patterns.some(({ pattern }) => {
    const found = pattern.exec(text);
    return (
      found !== null &&
      Object.values(found.groups ?? {}).every(
        (value) => /^[a-z0-9]{1,20}$/.test(value) || Object.hasOwn(chinese, value),
      )
    );
  });

/**
 * For texts of the contract and of other services (error titles, reasons): their Chinese where the catalogue has it,
 * else as they are.
 */
export const translateKnown = (language: Language, text: string): string =>
  language !== "zh" ? text : Object.hasOwn(chinese, text) ? (chinese[text] ?? text) : (fromPattern(text) ?? text);

export const isLanguage = (text: string | undefined | null): text is Language => text === "en" || text === "zh";

/** The first language of an `Accept-Language` header (RFC 9110 §12.5.4) that we have, by its weights. */
export const acceptedLanguage = (header: string | null): Language => {
  const wanted = (header ?? "")
    .slice(0, 256)
    .split(",")
    .map((part) => {
      const [tag = "", ...parameters] = part.trim().toLowerCase().split(";");
      const weight = parameters.map((p) => p.trim()).find((p) => p.startsWith("q="));
      return { language: tag.split("-")[0], weight: weight ? Number(weight.slice(2)) || 0 : 1 };
    })
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight);
  for (const { language } of wanted) if (isLanguage(language)) return language;
  return "en";
};
