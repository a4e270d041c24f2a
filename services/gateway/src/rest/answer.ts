/** From an operation's output to a response: status, Location, ETag, Link, bytes, JSON or text. */
import { fillPath, NanoError, type OperationName, operationNames, operationOf, type RestBinding } from "@nano/contract";
import { prefersText, textOf } from "./text.ts";

export type Output = Readonly<Record<string, unknown>>;
const isOutput = (value: unknown): value is Output =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @throws NanoError `internal`: every output of the contract is an object. */
export const asOutput = (value: unknown, name: OperationName): Output => {
  if (isOutput(value)) return value;
  throw new NanoError("internal", `The owner of ${name} did not answer an object`);
};

/** For each path that makes things, the path of one such thing: `/api/v2/pools` → `/api/v2/pools/{name}`, `name`. */
const memberPaths = new Map<string, { name: OperationName; key: string }>();
for (const name of operationNames) {
  const path = operationOf(name).rest?.path;
  const member = path && /^(.*)\/\{(\w+)\}$/.exec(path);
  if (member?.[1] && member[2] && !memberPaths.has(member[1])) memberPaths.set(member[1], { name, key: member[2] });
}

/** Where what was made can be found: itself, or in the one record inside the answer (`{image, upload}` → `image`). */
const locationOf = (binding: RestBinding, output: Output): string | undefined => {
  // `POST /images` makes one, and so does the verb `POST /images/import`.
  const member = memberPaths.get(binding.path) ?? memberPaths.get(binding.path.replace(/\/[a-z-]+$/, ""));
  if (member) {
    const { name, key } = member;
    const holder = [output, ...Object.values(output)].find(
      (value) => isOutput(value) && typeof value[key] === "string",
    );
    return isOutput(holder) ? fillPath(operationOf(name), { [key]: holder[key] }).path : undefined;
  }
  if (typeof output.session === "string") return "/api/v2/session";
  return typeof output.path === "string" ? output.path : undefined;
};

/**
 * The revision, and a mark of this very representation: figures like a cell's load change without a new revision, and a
 * cached answer must not hide that. What compares revisions (If-Match) reads the part before the point.
 */
const etagOf = (output: Output, text: string): string | undefined =>
  typeof output.revision === "number" ? `"${output.revision}.${Bun.hash(text).toString(36)}"` : undefined;

const matches = (ifNoneMatch: string | null, etag: string): boolean =>
  ifNoneMatch?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag || tag.trim() === "*") ?? false;

/** The page after this one (RFC 8288). */
const nextLink = (request: Request, next: string): string => {
  const url = new URL(request.url);
  url.searchParams.set("cursor", next);
  return `<${url.pathname}${url.search}>; rel="next"`;
};

/** @param columns of a list as a table */
export const answer = (
  binding: RestBinding,
  output: Output,
  request: Request,
  headers: Readonly<Record<string, string>>,
  columns?: readonly string[],
): Response => {
  const all: Record<string, string> = { ...headers, "cache-control": "no-store" };
  if (binding.status === 204) return new Response(null, { status: 204, headers: all });
  if (binding.binary && typeof output.base64 === "string") {
    all["content-type"] = binding.binary;
    return new Response(Buffer.from(output.base64, "base64"), { status: 200, headers: all });
  }
  const plan = output.kind === "plan";
  const status = plan ? 200 : binding.status;
  const location =
    status === 202 && typeof output.id === "string"
      ? fillPath(operationOf("task.get"), { id: output.id }).path
      : status === 201
        ? locationOf(binding, output)
        : undefined;
  if (location !== undefined) all.location = location;
  if (typeof output.next === "string") all.link = nextLink(request, output.next);
  const asText = prefersText(request.headers.get("accept"));
  const body = asText ? textOf(output, columns) : JSON.stringify(output);
  all["content-type"] = asText ? "text/plain; charset=utf-8" : "application/json";
  all.vary = "Accept";
  const etag = binding.method === "GET" ? etagOf(output, body) : undefined;
  if (etag !== undefined) {
    all.etag = etag;
    all["cache-control"] = "private, no-cache";
    if (matches(request.headers.get("if-none-match"), etag)) return new Response(null, { status: 304, headers: all });
  }
  return new Response(body, { status, headers: all });
};
