/** From untrusted bytes to typed values: the only place where JSON becomes a contract type. */
import type { Static, TSchema } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";
import { ValueErrorType } from "@sinclair/typebox/errors";
import { Value } from "@sinclair/typebox/value";
import { NanoError } from "./errors.ts";

const compiled = new WeakMap<TSchema, TypeCheck<TSchema>>();
const checkerOf = (schema: TSchema): TypeCheck<TSchema> => {
  let checker = compiled.get(schema);
  if (!checker) {
    checker = TypeCompiler.Compile(schema);
    compiled.set(schema, checker);
  }
  return checker;
};

export interface FieldProblem {
  /** JSON Pointer (RFC 6901) to the field; empty for the whole. */
  path: string;
  message: string;
}

const maxProblems = 20;

/** "in MiB" of a description. */
const unitOf = (words: string | undefined): string => {
  const unit = /\b(?:in )?(MiB|GiB|KiB|bytes|seconds|minutes|hours)\b/i.exec(words ?? "")?.[1];
  return unit === undefined ? "" : ` ${unit}`;
};
const lowered = (words: string): string =>
  /^[A-Z][a-z'’ ]/.test(words) ? `${words[0]?.toLowerCase()}${words.slice(1)}` : words;

/** What a schema wants, as a sentence for the person who sent something else. */
const expectation = (schema: TSchema, found: unknown): string => {
  const { type, minimum, maximum, minLength, maxLength, maxItems, description } = schema as Readonly<
    Record<string, unknown>
  >;
  const words = typeof description === "string" ? description : undefined;
  if (Array.isArray(schema.enum)) return `Choose one of ${schema.enum.join(", ")}`;
  if (type === "integer" || type === "number") {
    const whole = type === "integer" && typeof found === "number" && !Number.isInteger(found) ? "a whole number, " : "";
    if (minimum === undefined) return type === "integer" ? "Enter a whole number" : "Enter a number";
    const range =
      maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `${minimum} to ${maximum}`;
    return `Enter ${whole}${range}${unitOf(words)}`;
  }
  if (type === "string") {
    if (words) return `Use ${lowered(words)}`;
    return maxLength === undefined ? "Enter a text" : `Enter ${minLength ?? 0} to ${maxLength} characters`;
  }
  if (type === "boolean") return "Choose true or false";
  if (type === "array") return maxItems === undefined ? "Give a list" : `Give a list of at most ${maxItems}`;
  if (type === "object") return "Give an object";
  return words ?? "This does not fit";
};

/** What does not fit, without repeating the values: they may be secrets. */
const problemsOf = (schema: TSchema, value: unknown): FieldProblem[] => {
  const problems = new Map<string, FieldProblem>();
  for (const { path, type, schema: wanted, value: found } of checkerOf(schema).Errors(value)) {
    if (problems.has(path)) continue;
    const message =
      type === ValueErrorType.ObjectAdditionalProperties
        ? "There is no such field"
        : found === undefined
          ? `This is missing. ${expectation(wanted, found)}`
          : expectation(wanted, found);
    problems.set(path, { path, message });
    if (problems.size >= maxProblems) break;
  }
  return [...problems.values()];
};

/** @throws NanoError `invalid-input` with `details.fields: FieldProblem[]`. */
export const decode = <S extends TSchema>(schema: S, value: unknown, doing: string): Static<S> => {
  if (checkerOf(schema).Check(value)) return value as Static<S>;
  const fields = problemsOf(schema, value);
  const first = fields[0];
  throw new NanoError(
    "invalid-input",
    `${doing}: ${first ? `${first.path === "" ? "the input" : first.path.slice(1)}: ${first.message}` : "the input does not fit"}`,
    { details: { fields } },
  );
};

/** Whether it fits, without saying why not. */
export const fits = <S extends TSchema>(schema: S, value: unknown): value is Static<S> =>
  checkerOf(schema).Check(value);

const shortText = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1)).toWellFormed()}…`;

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

const shorten = (schema: TSchema, value: unknown): unknown => {
  const already: boolean = fits(schema, value);
  if (already) return value;
  if (typeof value === "string")
    return typeof schema.maxLength === "number" ? shortText(value, schema.maxLength) : value;
  if (typeof value === "number") {
    if (typeof schema.maximum === "number" && value > schema.maximum) return schema.maximum;
    return typeof schema.minimum === "number" && value < schema.minimum ? schema.minimum : value;
  }
  if (Array.isArray(schema.anyOf)) {
    const shortened = schema.anyOf.map((one: TSchema) => [one, shorten(one, value)] as const);
    return shortened.find(([one, short]: readonly [TSchema, unknown]) => fits(one, short))?.[1] ?? value;
  }
  if (isList(value))
    return value
      .slice(0, schema.maxItems)
      .map((item) => (schema.items ? shorten(schema.items as TSchema, item) : item));
  if (typeof value !== "object" || value === null || typeof schema.properties !== "object")
    // A free object that is too large has nothing of which a part would do.
    return schema.type === "object" && typeof value === "object" && value !== null ? {} : value;
  const properties = schema.properties as Readonly<Record<string, TSchema>>;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, properties[key] ? shorten(properties[key], one) : one]),
  );
};

/**
 * The same value, with what is too long or too large cut down to what the schema takes. What does not fit for another
 * reason stays as it is: `decode` it. For what we say ourselves, and for what was stored when the bounds were wider.
 */
export const shortened = <S extends TSchema>(schema: S, value: Static<S>): Static<S> =>
  shorten(schema, value) as Static<S>;

/** Deeper JSON than this is refused before it is parsed. */
const maxDepth = 32;

const refused = (doing: string, what: string) => new NanoError("malformed-request", `${doing}: ${what}`);

/**
 * What JSON.parse takes and RFC 8259 §4 and §8.2 warn of: names given twice, of which one would be dropped silently,
 * and depth without end. Reads a text that is well-formed; of another one JSON.parse says so afterwards.
 */
const refuseTraps = (text: string, doing: string): void => {
  /** The names seen in each open object; `undefined` for an open array. */
  const open: (Set<string> | undefined)[] = [];
  let nameFollows = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) {
      const start = i;
      let escaped = false;
      for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++)
        if (text.charCodeAt(i) === 0x5c) {
          escaped = true;
          i++;
        }
      const names = open.at(-1);
      if (!nameFollows || !names) continue;
      nameFollows = false;
      const name = escaped ? unescaped(text.slice(start, i + 1)) : text.slice(start + 1, i);
      if (names.has(name)) throw refused(doing, "a field is given twice");
      names.add(name);
    } else if (c === 0x7b || c === 0x5b) {
      open.push(c === 0x7b ? new Set() : undefined);
      if (open.length > maxDepth) throw refused(doing, `the JSON is nested more than ${maxDepth} deep`);
      nameFollows = c === 0x7b;
    } else if (c === 0x7d || c === 0x5d) {
      open.pop();
      nameFollows = false;
    } else if (c === 0x2c) nameFollows = open.at(-1) !== undefined;
  }
};
const unescaped = (literal: string): string => {
  try {
    return String(JSON.parse(literal));
  } catch {
    return literal;
  }
};

/** Half of a surrogate pair, which only an escape can bring: no text of Unicode, and no database or guest takes it. */
const halfPair = /\\u[dD][89a-fA-F]/;
const isWellFormed = (value: unknown): boolean =>
  typeof value === "string"
    ? value.isWellFormed()
    : typeof value !== "object" ||
      value === null ||
      Object.entries(value).every(([name, inner]) => name.isWellFormed() && isWellFormed(inner));

/**
 * @throws NanoError `malformed-request` when it is not one JSON object, nested more than 32 deep, has a field twice, or holds half a
 * surrogate pair
 */
export const parseObject = (text: string, doing: string): Record<string, unknown> => {
  if (text === "") return {};
  refuseTraps(text, doing);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused(doing, "the request is not well-formed JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw refused(doing, "the request must be one JSON object");
  if (halfPair.test(text) && !isWellFormed(value)) throw refused(doing, "a text holds half of a surrogate pair");
  return value as Record<string, unknown>;
};

/**
 * Query and path strings to what the schema wants ("2" → 2, "true" → true); what cannot be converted is left for
 * `decode` to refuse.
 */
export const fromStrings = (schema: TSchema, value: Record<string, unknown>): unknown => Value.Convert(schema, value);
