/** From a request to an operation's input: path, query and body, each bounded, each field from one place only. */
import {
  allColumns,
  decode,
  type FieldProblem,
  fromStrings,
  headerNames,
  mainColumns,
  maxRequestBytes,
  NanoError,
  type Operation,
  parseObject,
  type RestBinding,
} from "@nano/contract";
import { readBody, utf8Of } from "@nano/http";
import { prefersText } from "./text.ts";

const isJson = (contentType: string | null): boolean =>
  /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(contentType ?? "");

/** @throws NanoError `payload-too-large`, `unsupported-media-type`, `malformed-request` */
export const readJson = async (request: Request, maxBytes: number): Promise<Record<string, unknown>> => {
  const bytes = await readBody(request, { maxBytes });
  if (bytes.byteLength === 0) return {};
  if (!isJson(request.headers.get("content-type")))
    throw new NanoError("unsupported-media-type", "The body is not application/json in UTF-8");
  if (request.headers.has("content-encoding"))
    throw new NanoError("unsupported-media-type", "The body is compressed", { remedy: "Send it as it is." });
  return parseObject(utf8Of(bytes), "Reading the body");
};

const noSuchField = (fields: readonly string[], doing: string): never => {
  const problems: FieldProblem[] = fields.map((field) => ({ path: `/${field}`, message: "There is no such field" }));
  throw new NanoError("invalid-input", `${doing}: ${fields[0]}: There is no such field`, {
    details: { fields: problems },
  });
};

/** @throws NanoError `malformed-request` when a parameter comes twice */
const readQuery = (url: string): Record<string, unknown> => {
  const mark = url.indexOf("?");
  if (mark < 0) return {};
  const entries = [...new URLSearchParams(url.slice(mark + 1))];
  const names = entries.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new NanoError("malformed-request", "A query parameter was given twice");
  return Object.fromEntries(entries);
};

/** Not an input of the operation, but of how a list is shown. */
const columnsParameter = "columns";
export const takesColumns = (operation: Operation, { method }: RestBinding): boolean =>
  method === "GET" && allColumns(operation).length > 0;

/**
 * The columns of a list as a table: those that `?columns=` names, `all`, or the ones that matter most.
 * @throws NanoError `invalid-input` naming those there are
 */
export const columnsOf = (
  operation: Operation,
  binding: RestBinding,
  request: Request,
): readonly string[] | undefined => {
  if (!takesColumns(operation, binding)) return undefined;
  const asked = readQuery(request.url)[columnsParameter];
  if (asked === undefined) return mainColumns(operation);
  const refuse = (message: string): never => {
    throw new NanoError("invalid-input", `${operation.summary}: columns: ${message}`, {
      details: { fields: [{ path: `/${columnsParameter}`, message }] },
    });
  };
  if (!prefersText(request.headers.get("accept"))) refuse("It is for a table: send Accept: text/plain");
  const known = allColumns(operation);
  if (asked === "all") return known;
  const columns = String(asked).split(",");
  if (!columns.every((column) => known.includes(column))) refuse(`There are: ${known.join(", ")}, or all`);
  return columns;
};

/** Only with a query may one ask for a dry run of a POST: the body stays what it would be in earnest. */
const queryOfChange = "dryRun";

/**
 * The operation's input.
 * @param own what the door fills in itself
 * @param hidden fields that are the door's business: a client may not send them
 * @throws NanoError as `readJson`, and `invalid-input`
 */
export const readInput = async (
  operation: Operation,
  binding: RestBinding,
  request: Request,
  params: Readonly<Record<string, string>>,
  own: Readonly<Record<string, unknown>> = {},
  hidden: readonly string[] = [],
): Promise<Record<string, unknown>> => {
  const doing = operation.summary;
  const inQuery = binding.method === "GET" || binding.method === "DELETE";
  const { [columnsParameter]: columns, ...asked } = readQuery(request.url);
  const query =
    columns === undefined || takesColumns(operation, binding) ? asked : { ...asked, [columnsParameter]: columns };
  const body = inQuery ? {} : await readJson(request, maxRequestBytes(operation));
  const given = inQuery ? query : body;
  const clashing = Object.keys(given).filter((field) => Object.hasOwn(params, field) || hidden.includes(field));
  const misplaced = inQuery
    ? []
    : Object.keys(query).filter((field) => field !== queryOfChange || !(field in (operation.input.properties ?? {})));
  if (clashing.length + misplaced.length > 0) noSuchField([...clashing, ...misplaced], doing);
  const fromText = fromStrings(operation.input, { ...query, ...params });
  const converted = typeof fromText === "object" && fromText !== null ? fromText : {};
  return decode(operation.input, { ...body, ...converted, ...own }, doing) as Record<string, unknown>;
};

/**
 * The revision that `If-Match` names, for operations that ask for one (RFC 9110 §13.1.1). An ETag is the revision, a
 * point and a mark of the representation: what is compared is the revision.
 * @throws NanoError `malformed-request`
 */
export const expectedRevision = (operation: Operation, request: Request): { revision?: number } => {
  const header = request.headers.get("if-match");
  if (header === null || header.trim() === "*" || !("revision" in (operation.input.properties ?? {}))) return {};
  const revision = /^(?:W\/)?"(\d{1,15})(?:\.[0-9a-z]+)?"$/.exec(header.trim())?.[1];
  if (revision === undefined)
    throw new NanoError("malformed-request", "If-Match must be the ETag of a read of the same thing");
  return { revision: Number(revision) };
};

const printable = /^[\x21-\x7e]{1,128}$/;
const traceparentShape = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The client's request id if it is a plain one, else a new one. */
export const requestIdOf = (request: Request): string => {
  const given = request.headers.get(headerNames.requestId);
  return given !== null && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : Bun.randomUUIDv7();
};

/** @throws NanoError `malformed-request` for a key no owner would take */
export const tracingOf = (request: Request): { idempotencyKey?: string; traceparent?: string } => {
  const key = request.headers.get(headerNames.idempotencyKey);
  if (key !== null && !printable.test(key))
    throw new NanoError("malformed-request", "The Idempotency-Key must be 1 to 128 printable ASCII characters");
  const trace = request.headers.get(headerNames.traceparent);
  return {
    ...(key === null ? {} : { idempotencyKey: key }),
    ...(trace !== null && traceparentShape.test(trace) ? { traceparent: trace } : {}),
  };
};
