/**
 * The contract table as OpenAPI 3.0: what `@elysiajs/swagger` finds on each route. Schemas are the contract's own,
 * minus what is TypeBox's; records that have a name are referred to by it.
 */
import {
  Cell,
  commonErrors,
  Decision,
  type ErrorCode,
  errorDefinitions,
  Image,
  Instance,
  InstanceCreateInput,
  isErrorCode,
  Media,
  mainColumns,
  NanoError,
  type Operation,
  operationOf,
  operationSubject,
  Plan,
  Pool,
  type RestBinding,
  Task,
  Token,
  type TSchema,
  Type,
  takesIdempotencyKey,
  UploadTicket,
  User,
  Zone,
} from "@nano/contract";
import type { DocumentDecoration } from "elysia";
import { type Problem, problemOf } from "./problem.ts";
import { takesColumns } from "./read.ts";
import { hiddenInputs } from "./session-cookie.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };
const isJsonObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** As it will travel: without the symbols and functions of the library that made it. */
const asJson = <T>(value: unknown): T => JSON.parse(JSON.stringify(value));
const bare = (value: unknown): Json => asJson<Json>(value);

const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: "Relative URL of the page that explains this kind of error" }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: "What we were doing and what went wrong" }),
    code: Type.String({ description: "The stable name of this kind of error" }),
    remedy: Type.String({ description: "What to do about it" }),
    requestId: Type.String({ description: "Names this request in the logs" }),
    details: Type.Optional(Type.Object({}, { additionalProperties: true, description: "Facts for programs" })),
  },
  { description: "RFC 9457 problem details" },
);

const named: Readonly<Record<string, TSchema>> = {
  Zone,
  Pool,
  Cell,
  Instance,
  InstanceCreate: InstanceCreateInput,
  Task,
  Plan,
  Decision,
  Image,
  Media,
  UploadTicket,
  User,
  Token,
  Problem: ProblemSchema,
};
const nameByShape = new Map(Object.entries(named).map(([name, schema]) => [JSON.stringify(bare(schema)), name]));

/** Replaces every named record inside by a reference. `top`: the record's own definition stays. */
const refer = (value: Json, top = false): Json => {
  if (Array.isArray(value)) return value.map((item: Json) => refer(item));
  if (!isJsonObject(value)) return value;
  const name = top ? undefined : nameByShape.get(JSON.stringify(value));
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, refer(inner)]));
};
const schemaOf = (schema: TSchema): Json => refer(bare(schema));

export const componentSchemas = (): Record<string, { type: "object" }> =>
  asJson(Object.fromEntries(Object.entries(named).map(([name, schema]) => [name, refer(bare(schema), true)])));

/** What each error looks like, once, for the whole document. */
export const componentExamples = (): Record<string, { summary: string; value: Problem }> =>
  Object.fromEntries(
    Object.keys(errorDefinitions)
      .filter(isErrorCode)
      .map((code) => {
        const { title } = errorDefinitions[code];
        const problem = problemOf(new NanoError(code, title), "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e17");
        return [code, { summary: title, value: problem }];
      }),
  );
/** What only a REST client meets. */
const restErrors = (operation: Operation): readonly ErrorCode[] => [
  ...(operation.changes ? (["foreign-origin", "unsupported-media-type"] as const) : []),
];

/** Every error the operation may answer, by status. */
const errorResponses = (operation: Operation): Record<string, Json> => {
  const codes = [...new Set([...operation.errors, ...restErrors(operation), ...commonErrors])]
    .filter(isErrorCode)
    .filter((code) => operation.requires !== "public" || code !== "forbidden");
  const byStatus = Map.groupBy(codes, (code) => errorDefinitions[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => [
      String(status),
      {
        description: all.map((code) => `\`${code}\`: ${errorDefinitions[code].title}`).join("\n\n"),
        content: {
          "application/problem+json": {
            schema: { $ref: "#/components/schemas/Problem" },
            examples: Object.fromEntries(all.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
          },
        },
      },
    ]),
  );
};

const header = (description: string): JsonObject => ({ description, schema: { type: "string" } });

const successResponse = (operation: Operation, binding: RestBinding): JsonObject => {
  const headers = {
    "Nano-Request-Id": header("Names this request in the logs"),
    ...(binding.status === 201 || binding.status === 202
      ? { Location: header("Where what was made can be read") }
      : {}),
    ...("next" in (operation.output.properties ?? {}) ? { Link: header("The next page, if there is one") } : {}),
    ...("revision" in (operation.output.properties ?? {}) && binding.method === "GET"
      ? { ETag: header("For If-None-Match and If-Match") }
      : {}),
  };
  const description = { 200: "Done", 201: "Created", 202: "Accepted: the work goes on in the task", 204: "Done" };
  if (binding.status === 204) return { description: description[204], headers };
  if (binding.binary) {
    const content = { [binding.binary]: { schema: { type: "string", format: "binary" } } };
    return { description: "The bytes", headers, content };
  }
  return {
    description: description[binding.status],
    headers,
    content: {
      "application/json": { schema: schemaOf(operation.output), example: bare(operation.example.output) },
      "text/plain": { schema: { type: "string", description: "Aligned columns" } },
    },
  };
};

const parameter = (
  place: "path" | "query" | "header",
  name: string,
  schema: Json,
  required: boolean,
  example: Json | undefined,
): JsonObject => {
  const description = isJsonObject(schema) && typeof schema.description === "string" ? schema.description : undefined;
  return {
    name,
    in: place,
    required,
    schema,
    ...(description === undefined ? {} : { description }),
    ...(example === undefined ? {} : { example }),
  };
};

/** The OpenAPI operation object. */
export const detailOf = (name: Parameters<typeof operationSubject>[0], binding: RestBinding): DocumentDecoration => {
  const operation = operationOf(name);
  const inQuery = binding.method === "GET" || binding.method === "DELETE";
  const inPath = [...binding.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  const properties: Readonly<Record<string, TSchema>> = operation.input.properties ?? {};
  const required: readonly string[] = operation.input.required ?? [];
  const example = bare(operation.example.input);
  const exampleOf = (field: string) => (isJsonObject(example) ? example[field] : undefined);
  const others = Object.keys(properties).filter(
    (field) => !inPath.includes(field) && !hiddenInputs(name).includes(field),
  );
  const fromAddress = [...inPath, ...(inQuery ? others : others.filter((field) => field === "dryRun"))];
  const parameters = fromAddress.map((field) =>
    parameter(
      inPath.includes(field) ? "path" : "query",
      field,
      bare(properties[field]),
      inPath.includes(field) || required.includes(field),
      exampleOf(field),
    ),
  );
  if (takesColumns(operation, binding))
    parameters.push(
      parameter(
        "query",
        "columns",
        {
          type: "string",
          maxLength: 4096,
          description: `With \`Accept: text/plain\`: which columns, separated by commas, or \`all\`. Default: \`${mainColumns(operation).join(",")}\``,
        },
        false,
        undefined,
      ),
    );
  if (takesIdempotencyKey(operation))
    parameters.push(
      parameter(
        "header",
        "Idempotency-Key",
        { type: "string", maxLength: 128, description: "The same key, the same answer, one effect, for a day" },
        false,
        undefined,
      ),
    );
  if (operation.changes && "revision" in properties)
    parameters.push(
      parameter(
        "header",
        "If-Match",
        { type: "string", maxLength: 64, description: "The ETag of the last read: refused when it was changed since" },
        false,
        undefined,
      ),
    );
  const bodySchema = bare(operation.input);
  const body =
    inPath.length === 0
      ? refer(bodySchema)
      : {
          type: "object",
          additionalProperties: false,
          properties: refer(bare(Object.fromEntries(others.map((field) => [field, properties[field]])))),
          ...(required.some((field) => others.includes(field))
            ? { required: required.filter((field) => others.includes(field)) }
            : {}),
        };
  const bodyExample = Object.fromEntries(
    others.flatMap((field) => {
      const value = exampleOf(field);
      return value === undefined ? [] : [[field, value]];
    }),
  );
  return asJson<DocumentDecoration>({
    operationId: name,
    tags: [name.slice(0, name.indexOf("."))],
    summary: operation.summary,
    description: [
      operation.description,
      `Over the bus: \`${operationSubject(name)}\`.`,
      operation.requires === "public" ? "Needs no login." : `Needs the permission \`${operation.requires}\`.`,
    ]
      .filter((line) => line !== undefined)
      .join("\n\n"),
    parameters,
    ...(inQuery || others.length === 0
      ? {}
      : {
          requestBody: {
            required: required.some((field) => others.includes(field)),
            content: { "application/json": { schema: body, example: bodyExample } },
          },
        }),
    responses: {
      [String(binding.status)]: successResponse(operation, binding),
      ...(operation.task && "dryRun" in properties
        ? {
            "200": {
              description: "With `dryRun`: the plan; nothing was changed",
              content: { "application/json": { schema: { $ref: "#/components/schemas/Plan" } } },
            },
          }
        : {}),
      ...errorResponses(operation),
    },
    security: operation.requires === "public" ? [] : [{ bearer: [] }, { session: [] }],
    "x-nats-subject": operationSubject(name),
    "x-permission": operation.requires,
  });
};
