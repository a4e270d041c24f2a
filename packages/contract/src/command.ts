/** The same thing as a command: what the portal shows beside its buttons and the Swagger entry carries. */
import type { Operation } from "./operation.ts";
import { operationSubject } from "./subject.ts";
import { type OperationName, type OperationsOf, operationOf } from "./table.ts";

/** Quotes one argument for a POSIX shell. */
export const shellQuote = (argument: string): string =>
  /^[A-Za-z0-9_./:=@%+,-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;

/** Splits an input into what goes into the path and the rest. */
export const fillPath = (
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
): { path: string; rest: Record<string, unknown> } => {
  if (!operation.rest) throw new TypeError("The operation has no REST binding");
  const rest: Record<string, unknown> = { ...input };
  const path = operation.rest.path.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = rest[key];
    delete rest[key];
    return encodeURIComponent(String(value ?? `{${key}}`));
  });
  return { path, rest };
};

/** `curl` for the REST API. `$NANO_TOKEN` holds a bearer token. */
export const curlCommand = (name: OperationName, input: Readonly<Record<string, unknown>>, baseUrl: string): string => {
  const operation = operationOf(name);
  const binding = operation.rest;
  if (!binding) throw new TypeError(`${name} has no REST binding`);
  const { path, rest } = fillPath(operation, input);
  const entries = Object.entries(rest).filter(([, value]) => value !== undefined);
  const inQuery = binding.method === "GET" || binding.method === "DELETE";
  const query =
    inQuery && entries.length > 0
      ? `?${new URLSearchParams(entries.map(([k, v]): [string, string] => [k, String(v)]))}`
      : "";
  const parts = ["curl", "-sS"];
  if (binding.method !== "GET") parts.push("-X", binding.method);
  if (operation.requires !== "public") parts.push("-H", '"Authorization: Bearer $NANO_TOKEN"');
  if (!inQuery && entries.length > 0)
    parts.push("-H", "'Content-Type: application/json'", "-d", shellQuote(JSON.stringify(Object.fromEntries(entries))));
  parts.push(shellQuote(`${baseUrl}${path}${query}`));
  return parts.join(" ");
};

/** `nats req`, with the operator's credentials file. */
export const natsCommand = (
  name: Exclude<OperationName, OperationsOf<"cell">>,
  input: Readonly<Record<string, unknown>>,
): string => `nats --creds data/nats/operator.creds req ${operationSubject(name)} ${shellQuote(JSON.stringify(input))}`;
