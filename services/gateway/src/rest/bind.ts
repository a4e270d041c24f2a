/**
 * The REST API, walked off the contract table: one route per operation with a REST binding, all of them one handler.
 * Every operation, the gateway's own included, goes over the bus to its owner; so REST and `nats req` give the same
 * answers, and there is one path to test.
 */
import type { Bus, CallContext } from "@nano/bus";
import {
  defaultDeadlineMs,
  isCutForPeople,
  type Log,
  mayDo,
  NanoError,
  type OperationName,
  type OperationsOf,
  operationNames,
  operationOf,
  operations,
  type RestBinding,
} from "@nano/contract";
import type { Elysia } from "elysia";
import { answer, asOutput } from "./answer.ts";
import { identify, type Recognize, refuseForeign } from "./caller.ts";
import { detailOf } from "./openapi.ts";
import { problemResponse } from "./problem.ts";
import { columnsOf, expectedRevision, readInput, requestIdOf, tracingOf } from "./read.ts";
import { cookieHeader, endsEarlierSession, hiddenInputs, ownInputs } from "./session-cookie.ts";

type Reachable = Exclude<OperationName, OperationsOf<"cell">>;
const isReachable = (name: OperationName): name is Reachable => operations[name].owner !== "cell";

export interface RestContext {
  readonly bus: Bus;
  readonly log: Log;
  readonly recognize: Recognize;
  readonly origins: ReadonlySet<string>;
  /** The name of the session's cookie. */
  readonly cookie: string;
  /** Whether cookies are for https only. */
  readonly secure: boolean;
  /** Of the client a request comes from. */
  addressOf(request: Request): string | undefined;
  /** Lets a request that waits on purpose live longer than an idle connection may. */
  allowSeconds(request: Request, seconds: number): void;
}

/** Longer than this, and the connection's own idle limit would cut the wait short. */
const ordinarySeconds = 10;

const perform = async (
  rest: RestContext,
  name: Reachable,
  binding: RestBinding,
  request: Request,
  requestId: string,
  params: Readonly<Record<string, string>>,
): Promise<Response> => {
  const operation = operationOf(name);
  const caller = await identify(request, rest.recognize, rest.cookie);
  if (operation.changes) refuseForeign(request, caller, rest.origins);
  // The owner checks again, and has the last word; asking here answers 401 and 403 before anything of the input is
  // read.
  if (!mayDo(caller.actor, operation.requires)) {
    if (caller.actor.kind === "anonymous") throw new NanoError("unauthenticated", `${name} needs to know who asks`);
    throw new NanoError("forbidden", `${caller.actor.name} may not ${name}`, {
      details: { permission: operation.requires },
    });
  }
  const own = { ...ownInputs(name, caller), ...expectedRevision(operation, request) };
  const columns = columnsOf(operation, binding, request);
  const input = await readInput(operation, binding, request, params, own, hiddenInputs(name));
  // Rates are limited of what changes something; to ask the kernel for the address takes longer than most of what else
  // is done here.
  const clientAddress = operation.changes ? rest.addressOf(request) : undefined;
  const context: CallContext = {
    requestId,
    actor: caller.actor,
    ...(clientAddress === undefined ? {} : { clientAddress }),
    ...tracingOf(request),
  };
  const seconds = (operation.deadlineMs ?? defaultDeadlineMs) / 1_000;
  if (seconds > ordinarySeconds) rest.allowSeconds(request, seconds + ordinarySeconds);
  const output = asOutput(await rest.bus.call(name, input as never, context), name);
  if (endsEarlierSession(name) && caller.session !== undefined)
    await rest.bus.call("session.delete", { session: caller.session }, context);
  return answer(
    binding,
    output,
    request,
    { "nano-request-id": requestId, ...cookieHeader(name, output, rest) },
    columns,
  );
};

/** Answers whatever goes wrong as a problem, and logs what nobody foresaw, here and only here. */
export const guarded = async (
  log: Log,
  request: Request,
  doing: string,
  work: (requestId: string) => Promise<Response> | Response,
): Promise<Response> => {
  const requestId = requestIdOf(request);
  try {
    return await work(requestId);
  } catch (thrown) {
    const error = NanoError.from(thrown, doing);
    if ((error.cause !== undefined && error.status === 500) || isCutForPeople(error))
      log.error(error.message, { requestId, details: error.details, error: error.cause ?? error });
    return problemResponse(error, requestId);
  }
};

const everyMethod = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

/** For a path's other methods: OPTIONS tells what there is, the rest is 405. */
export const refuseOtherMethods = (app: Elysia, path: string, methods: readonly string[]): void => {
  const allow = [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"];
  const hidden = { detail: { hide: true }, parse: "none" } as const;
  app.route("OPTIONS", path, () => new Response(null, { status: 204, headers: { allow: allow.join(", ") } }), hidden);
  for (const method of everyMethod.filter((method) => !allow.includes(method)))
    app.route(
      method,
      path,
      ({ request }) =>
        problemResponse(new NanoError("method-not-allowed", `${method} is not possible here`), requestIdOf(request), {
          allow: allow.join(", "),
        }),
      hidden,
    );
};

export const bindOperations = (app: Elysia, rest: RestContext): void => {
  const methods = new Map<string, string[]>();
  for (const name of operationNames.filter(isReachable)) {
    const binding = operationOf(name).rest;
    if (!binding) continue;
    const path = binding.path.replace(/\{(\w+)\}/g, ":$1");
    const handle = ({ request, params = {} }: { request: Request; params?: Record<string, string> }) =>
      guarded(rest.log, request, `answering ${name}`, (requestId) =>
        perform(rest, name, binding, request, requestId, params),
      );
    app.route(binding.method, path, handle, { detail: detailOf(name, binding), parse: "none" });
    if (binding.method === "GET") app.route("HEAD", path, handle, { detail: { hide: true }, parse: "none" });
    methods.set(path, [...(methods.get(path) ?? []), binding.method]);
  }
  for (const [path, known] of methods) refuseOtherMethods(app, path, known);
};
