import { describe, expect, test } from "bun:test";
import {
  allColumns,
  columnsAtMost,
  commonErrors,
  curlCommand,
  decode,
  defaultDeadlineMs,
  errorDefinitions,
  eventDefinitions,
  fits,
  isErrorCode,
  mainColumns,
  NanoError,
  natsCommand,
  operationNames,
  operationOf,
  parseObject,
  permissions,
} from "./index.ts";

describe.each(operationNames)("%s", (name) => {
  const operation = operationOf(name);

  test("its example fits its schemas", () => {
    expect(decode(operation.input, operation.example.input, "example input")).toEqual(operation.example.input);
    expect(decode(operation.output, operation.example.output, "example output")).toEqual(operation.example.output);
  });

  test("refuses a field it does not know, naming it and not its value", () => {
    const attempt = () => decode(operation.input, { ...Object(operation.example.input), surprise: "s3cret" }, name);
    expect(attempt).toThrow(NanoError);
    try {
      attempt();
    } catch (error) {
      const body = (error as NanoError).toBody();
      expect(body.code).toBe("invalid-input");
      expect(JSON.stringify(body)).toContain("surprise");
      expect(JSON.stringify(body)).not.toContain("s3cret");
    }
  });

  test("refuses the prototype as a field", () => {
    expect(() => decode(operation.input, parseObject('{"__proto__":{"admin":true}}', name), name)).toThrow(NanoError);
  });

  test("names only errors, events and permissions that exist", () => {
    for (const code of [...operation.errors, ...commonErrors]) expect(isErrorCode(code)).toBe(true);
    for (const event of operation.events) expect(Object.hasOwn(eventDefinitions, event)).toBe(true);
    expect(["public", "internal", ...Object.keys(permissions)]).toContain(operation.requires);
    expect(new Set(operation.errors).size).toBe(operation.errors.length);
  });

  test("is reachable the way its kind is", () => {
    if (operation.owner === "cell" || operation.requires === "internal") {
      expect(operation.rest).toBeUndefined();
      return;
    }
    const rest = operation.rest;
    expect(rest).toBeDefined();
    if (!rest) return;
    expect(rest.method === "GET").toBe(!operation.changes);
    if (operation.task) expect(rest.status).toBe(202);
    const fields = Object.keys(operation.input.properties ?? {});
    for (const match of rest.path.matchAll(/\{(\w+)\}/g)) expect(fields).toContain(match[1] ?? "");
    const input = operation.example.input as Record<string, unknown>;
    expect(curlCommand(name, input, "http://127.0.0.1:5870")).toContain("/api/v2/");
  });

  test("its list has a table of at most eight columns, each of them a field", () => {
    const columns = mainColumns(operation);
    expect(columns.length).toBeLessThanOrEqual(columnsAtMost);
    for (const column of columns) expect(allColumns(operation)).toContain(column);
  });

  test("waits a bounded time", () => {
    const deadline = operation.deadlineMs ?? defaultDeadlineMs;
    expect(deadline).toBeGreaterThan(0);
    expect(deadline).toBeLessThanOrEqual(60_000);
  });
});

test("no two operations share a REST route", () => {
  const routes = operationNames.map(operationOf).flatMap(({ rest }) => (rest ? [`${rest.method} ${rest.path}`] : []));
  expect(new Set(routes).size).toBe(routes.length);
});

test("every error says what to do", () => {
  for (const definition of Object.values(errorDefinitions)) {
    expect(definition.title.length).toBeGreaterThan(5);
    expect(definition.remedy).toMatch(/[.`]$/);
    expect(definition.status).toBeGreaterThanOrEqual(400);
  }
});

test("errors speak to people: no field of an answer, no operation's name, no header", () => {
  for (const [code, { title, remedy }] of Object.entries(errorDefinitions))
    for (const text of [title, remedy]) {
      expect(`${code}: ${text}`).not.toMatch(/\bdetails\b|ETag|Retry-After|Allow header|Idempotency-Key/);
      for (const name of operationNames) expect(`${code}: ${text}`).not.toContain(name);
    }
});

test("what a field wants is a sentence with numbers and unit", () => {
  const said = (input: object): string[] => {
    const good = { ...Object(operationOf("instance.create").example.input) };
    try {
      decode(operationOf("instance.create").input, { ...good, ...input }, "Creating");
      return [];
    } catch (error) {
      if (!(error instanceof NanoError)) throw error;
      const { fields } = error.details as { fields: { message: string }[] };
      return fields.map(({ message }) => message);
    }
  };
  expect(said({ memoryMiB: 15 })).toEqual(["Enter 16 to 4194304 MiB"]);
  expect(said({ memoryMiB: 16.5 })).toEqual(["Enter a whole number, 16 to 4194304 MiB"]);
  expect(said({ cores: 0 })).toEqual(["Enter 1 to 256"]);
  expect(said({ name: "-" })).toEqual(["Use letters, digits and '-', at most 63, not starting or ending with '-'"]);
  expect(said({ name: undefined })[0]).toStartWith("This is missing. Use letters");
  expect(said({ autostart: "no" })).toEqual(["Choose true or false"]);
});

test("commands quote what a shell would read", () => {
  const command = natsCommand("pool.create", { name: "x", description: "it's $(id) `id`" });
  expect(command).toContain(`'{"name":"x","description":"it'\\''s $(id) \`id\`"}'`);
});

test("JSON that is too deep, not an object or not JSON is malformed, not a crash", () => {
  for (const text of ["[".repeat(100_000), "[]", "1", '"x"', "null", "{", "\u0000"])
    expect(() => parseObject(text, "test")).toThrow(NanoError);
  expect(parseObject("", "test")).toEqual({});
  expect(parseObject('{"a":"]]]]{{{{"}', "test")).toEqual({ a: "]]]]{{{{" });
});

test.each([0, -1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, "2", null, [[1]], {}])(
  "cores may not be %p",
  (cores) => {
    const { input } = operationOf("instance.create");
    const good = { ...Object(operationOf("instance.create").example.input) };
    expect(fits(input, good)).toBe(true);
    expect(fits(input, { ...good, cores })).toBe(false);
  },
);
