/** How large a request may be: as large as its input can be, within what the bus carries. */
import type { TSchema } from "@sinclair/typebox";
import type { Operation } from "./operation.ts";

const kib = 1024;
/** Of a request without long texts: room for blanks, and for fields that are refused with their names. */
const smallest = 64 * kib;
/** The bus and the cells carry more than this in one message. */
const largest = 768 * kib;
/** A character of a JSON string at its longest: `\uXXXX`. */
const escaped = 6;
const numberBytes = 24;

/** The longest JSON text of a value that fits. Without a bound in the schema it is infinite. */
const longest = (schema: TSchema): number => {
  if (Array.isArray(schema.anyOf)) return Math.max(...schema.anyOf.map(longest));
  if (Array.isArray(schema.enum)) return Math.max(...schema.enum.map((word: string) => word.length)) + 2;
  switch (schema.type) {
    case "string":
      return (schema.maxLength ?? Number.POSITIVE_INFINITY) * escaped + 2;
    case "array":
      return (schema.maxItems ?? Number.POSITIVE_INFINITY) * (longest(schema.items) + 1) + 2;
    case "object":
      return Object.entries<TSchema>(schema.properties ?? {}).reduce(
        (sum, [name, inner]) => sum + name.length + 4 + longest(inner),
        2,
      );
    default:
      return numberBytes;
  }
};

const known = new WeakMap<TSchema, number>();
/** In bytes, of the JSON text. */
export const maxRequestBytes = ({ input }: Pick<Operation, "input">): number => {
  const before = known.get(input);
  if (before !== undefined) return before;
  const bytes = Math.min(largest, Math.max(smallest, longest(input)));
  known.set(input, bytes);
  return bytes;
};
