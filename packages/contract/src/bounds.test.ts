/**
 * Nothing that any service hears is unbounded: every text, list and number of the contract says how large it may be.
 */
import { expect, test } from "bun:test";
import type { TSchema } from "@sinclair/typebox";
import { operationNames, operationOf, reports } from "./index.ts";

/** Where in it something has no bound. */
const unbounded = (schema: TSchema, at: string): string[] => {
  if (Array.isArray(schema.anyOf))
    return schema.anyOf.flatMap((one: TSchema, i: number) => unbounded(one, `${at}|${i}`));
  if (Array.isArray(schema.enum)) return [];
  switch (schema.type) {
    case "boolean":
      return [];
    case "string":
      return Number.isSafeInteger(schema.maxLength) ? [] : [`${at}: a text`];
    case "integer":
    case "number":
      return Number.isFinite(schema.minimum) && Number.isFinite(schema.maximum) ? [] : [`${at}: a number`];
    case "array":
      return [
        ...(Number.isSafeInteger(schema.maxItems) ? [] : [`${at}: a list`]),
        ...unbounded(schema.items as TSchema, `${at}[]`),
      ];
    case "object":
      if (Number.isSafeInteger(schema["x-max-characters"])) return [];
      if (schema.additionalProperties !== false) return [`${at}: an open object`];
      return Object.entries(Object(schema.properties) as Record<string, TSchema>).flatMap(([key, one]) =>
        unbounded(one, `${at}.${key}`),
      );
    default:
      return [`${at}: ${schema.type}`];
  }
};

test.each(operationNames)("%s is bounded", (name) => {
  const { input, output } = operationOf(name);
  expect([...unbounded(input, "input"), ...unbounded(output, "output")]).toEqual([]);
});

test.each(Object.entries(reports))("the report %s is bounded", (_name, schema) => {
  expect(unbounded(schema, "report")).toEqual([]);
});
