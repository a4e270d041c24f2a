import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  commonErrors,
  errorDefinitions,
  operationNames,
  operationOf,
  operationSubject,
  takesIdempotencyKey,
} from "@nano/contract";
import { Validator } from "@seriousme/openapi-schema-validator";
import { RE2JS } from "re2js";
import { startWorld, type World } from "../testing.ts";

/** As much of an OpenAPI document as is looked at here. */
interface Document extends Record<string, unknown> {
  readonly openapi: string;
  readonly servers: unknown;
  readonly tags: readonly { readonly name: string }[];
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Entry>>>>;
}
interface Entry {
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly name: string }[];
  readonly security: unknown;
  readonly responses: Readonly<Record<string, Response>>;
}
interface Response {
  readonly description: string;
  readonly content?: Readonly<
    Record<string, { readonly schema: { readonly $ref?: string }; readonly example: unknown }>
  >;
}

let world: World;
let document: Document;
beforeAll(async () => {
  world = await startWorld({ owners: false });
  document = (await (await world.request("/swagger/json")).json()) as Document;
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test("the document is valid OpenAPI 3.0", async () => {
  expect(document.openapi).toStartWith("3.0");
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
});

test("every reference leads somewhere, and every schema has words for its fields' limits only", () => {
  const text = JSON.stringify(document);
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(Object.keys(document.components.schemas)).toContain(name ?? "");
  expect(text).not.toContain('"patternProperties"');
  expect(text).not.toContain('"const"');
});

test.each(operationNames.filter((name) => operationOf(name).rest))("%s is in it", (name) => {
  const operation = operationOf(name);
  const { rest } = operation;
  if (!rest) return;
  const entry = document.paths[rest.path]?.[rest.method.toLowerCase()];
  expect(entry).toMatchObject({
    operationId: name,
    summary: operation.summary,
    "x-nats-subject": operationSubject(name as Parameters<typeof operationSubject>[0]),
    "x-permission": operation.requires,
  });
  expect(document.tags.map(({ name }) => name)).toContain(entry?.tags[0] ?? "");
  for (const code of [...operation.errors, ...commonErrors]) {
    if (code === "forbidden" && operation.requires === "public") continue;
    const response = entry?.responses[String(errorDefinitions[code].status)];
    expect(response?.description).toContain(`\`${code}\``);
    expect(response?.content?.["application/problem+json"]?.schema.$ref).toBe("#/components/schemas/Problem");
  }
  expect(entry?.security).toEqual(operation.requires === "public" ? [] : [{ bearer: [] }, { session: [] }]);
  const success = entry?.responses[String(rest.status)];
  if (rest.status !== 204 && !rest.binary)
    expect(success?.content?.["application/json"]?.example).toEqual(operation.example.output);
});

test("every pattern is one of RE2, which clients in Go and others use, and means the same there", () => {
  const patterns = [...JSON.stringify(document).matchAll(/"pattern":"((?:[^"\\\\]|\\\\.)*)"/g)];
  expect(patterns.length).toBeGreaterThan(20);
  for (const pattern of new Set(patterns.map(([, text = ""]) => String(JSON.parse(`"${text}"`))))) {
    const re2 = RE2JS.compile(pattern);
    for (const probe of [
      "",
      "a",
      "web-1",
      "Web 1",
      "52:54:00:1a:2b:3c",
      "00:00:00:00:00:00",
      "\u202e",
      "\u0007",
      "网页",
      "   ",
    ])
      expect([pattern, probe, re2.matcher(probe).find()]).toEqual([pattern, probe, new RegExp(pattern).test(probe)]);
  }
});

test("the document says where its API is", () => {
  expect(document.servers).toEqual([{ url: "/", description: "Where this document comes from" }]);
});

test("an Idempotency-Key is documented where it is honoured, and nowhere else", () => {
  for (const name of operationNames) {
    const operation = operationOf(name);
    if (!operation.rest) continue;
    const { parameters = [] } = document.paths[operation.rest.path]?.[operation.rest.method.toLowerCase()] ?? {};
    const documented = parameters.some((parameter) => parameter.name === "Idempotency-Key");
    expect([name, documented]).toEqual([name, takesIdempotencyKey(operation)]);
  }
});

test("the page is wholly ours: nothing from elsewhere, no inline script", async () => {
  const page = await world.request("/swagger");
  const html = await page.text();
  expect(html).not.toMatch(/https?:\/\//);
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/);
  expect(html).not.toMatch(/\son\w+=/);
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("frame-ancestors 'none'");
  for (const [, address] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
    const asset = await world.request(address ?? "");
    expect(asset.status).toBe(200);
    expect((await asset.arrayBuffer()).byteLength).toBeGreaterThan(100);
  }
});
