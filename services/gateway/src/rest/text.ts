/**
 * `Accept: text/plain`: lists and records as aligned columns, for people at a terminal. Names and guest output are
 * other people's text, so control characters, with which a terminal can be made to do things, are taken out.
 */

type Row = Readonly<Record<string, unknown>>;
const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is for
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
export const plain = (text: string): string => text.replace(control, "");

const cell = (value: unknown): string => {
  if (value === undefined) return "";
  if (typeof value === "string") return plain(value).replace(/[\t\n]+/g, " ");
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return cell(value.join(","));
  return typeof value === "object" ? cell(JSON.stringify(value)) : String(value);
};

/** `{a: {b: 1}}` → `a.b`; arrays of objects stay one field. */
const flatten = (row: Row, prefix = ""): [string, unknown][] =>
  Object.entries(row).flatMap(([key, value]): [string, unknown][] =>
    isRow(value) ? flatten(value, `${prefix}${key}.`) : [[`${prefix}${key}`, value]],
  );

const align = (rows: readonly (readonly string[])[]): string => {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, text] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, Bun.stringWidth(text));
  const line = (row: readonly string[]) =>
    row
      .map((text, i) => text + " ".repeat((widths[i] ?? 0) - Bun.stringWidth(text)))
      .join("  ")
      .trimEnd();
  return `${rows.map(line).join("\n")}\n`;
};

/** `memoryMiB` → `MEMORY-MIB` */
const heading = (column: string): string =>
  column
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/Mi-B|Gi-B/, (unit) => unit.replace("-", ""))
    .toUpperCase();

/** @param columns those shown, in this order; else every one that has a value */
const list = (items: readonly Row[], columns?: readonly string[]): string => {
  if (items.length === 0) return "";
  const rows = items.map(
    (item) =>
      new Map(flatten(item).filter(([, value]) => !Array.isArray(value) || value.every((v) => typeof v !== "object"))),
  );
  const shown = columns ?? [...new Set(rows.flatMap((row) => [...row.keys()]))];
  return align([shown.map(heading), ...rows.map((row) => shown.map((column) => cell(row.get(column)) || "-"))]);
};

/** @param columns of a list, as in `load.cpuPercent` */
export const textOf = (output: Row, columns?: readonly string[]): string => {
  if (Array.isArray(output.items) && output.items.every(isRow)) return list(output.items, columns);
  const text = output.text;
  if (typeof text === "string") return plain(text);
  const tables: string[] = [];
  const fields: string[][] = [];
  for (const [key, value] of flatten(output)) {
    if (Array.isArray(value) && value.length > 0 && value.every(isRow)) tables.push(`\n${key}\n${list(value)}`);
    else fields.push([key, cell(value)]);
  }
  return align(fields) + tables.join("");
};

/** Whether the client would rather have text than JSON (RFC 9110 §12.5.1). Equal means JSON. */
export const prefersText = (accept: string | null): boolean => {
  if (!accept?.includes("text/plain")) return false;
  const weight = new Map<string, number>();
  for (const part of accept.split(",")) {
    const [type = "", ...parameters] = part.split(";").map((s) => s.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    weight.set(type, q === undefined ? 1 : Number(q.slice(2)) || 0);
  }
  const any = weight.get("*/*") ?? 0;
  return (weight.get("text/plain") ?? 0) > (weight.get("application/json") ?? weight.get("application/*") ?? any);
};
