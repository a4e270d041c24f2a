/** A list as a table: every plain field of its items, and those that matter most. */
import type { TSchema } from "@sinclair/typebox";
import type { Operation } from "./operation.ts";

/** As wide as a terminal and a person's patience. */
export const columnsAtMost = 8;

/** The fields of an object, of objects inside it as `load.cpuPercent`. Lists of objects are no column. */
const fieldsOf = (schema: TSchema, prefix = ""): string[] =>
  Object.entries<TSchema>(schema.properties ?? {}).flatMap(([name, field]) => {
    if (field.type === "object" && field.properties) return fieldsOf(field, `${prefix}${name}.`);
    return field.type === "array" && field.items.type === "object" ? [] : [`${prefix}${name}`];
  });

const itemOf = ({ output }: Pick<Operation, "output">): TSchema | undefined => output.properties?.items?.items;

/** All that a table of this operation's items can show; empty when it answers no list. */
export const allColumns = (operation: Pick<Operation, "output">): readonly string[] => {
  const item = itemOf(operation);
  return item === undefined ? [] : fieldsOf(item);
};

/** What it shows when nobody says otherwise. */
export const mainColumns = (operation: Pick<Operation, "output" | "rest">): readonly string[] =>
  operation.rest?.columns ?? allColumns(operation).slice(0, columnsAtMost);
