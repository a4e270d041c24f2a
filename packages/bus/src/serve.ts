/**
 * Serving operations through the NATS services API (ADR-32): `nats micro ls|info|stats` show them.
 *
 * For every request: read the context, check the actor against the contract, decode the input, call the handler, answer. An
 * error is answered as JSON with the service error headers, and logged here, once, if nobody foresaw it.
 */
import {
  decode,
  ErrorRecord,
  errorDefinitions,
  fits,
  type Log,
  mayDo,
  NanoError,
  type OperationName,
  operationOf,
  parseObject,
  shortened,
} from "@nano/contract";
import type { NatsConnection, Service, ServiceMsg } from "nats";
import { decodeContext } from "./headers.ts";
import type { EndOfTurn } from "./turn.ts";
import type { RequestContext } from "./types.ts";

/** Requests under way at once, per service; one more is `overloaded`. */
const maxInFlight = 1_024;

export interface Endpoint {
  readonly name: OperationName;
  readonly subject: string;
  /** Gets what `decode` let through; the types were checked where the handlers were handed over. */
  readonly handler: (input: unknown, context: RequestContext) => unknown;
}

export interface ServiceDefinition {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly queue: string;
  readonly endpoints: readonly Endpoint[];
}

interface Figures {
  requests: number;
  errors: number;
  totalMs: number;
}

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { fatal: true });
/** NATS header values hold one line of ASCII. */
const headerText = (message: string) => message.replace(/[^\x20-\x7e]+/g, " ").slice(0, 200);

const respondError = (message: ServiceMsg, error: NanoError): void => {
  message.respondError(
    error.status,
    headerText(error.message),
    encoder.encode(JSON.stringify({ error: shortened(ErrorRecord, error.toBody()) })),
  );
};

const authorize = (
  name: OperationName,
  context: { actor: { kind: string; name: string } & Parameters<typeof mayDo>[0] },
) => {
  const { requires } = operationOf(name);
  if (mayDo(context.actor, requires)) return;
  if (context.actor.kind === "anonymous") throw new NanoError("unauthenticated", `${name} needs to know who asks`);
  throw new NanoError("forbidden", `${context.actor.name} may not ${name}`, { details: { permission: requires } });
};

const text = (data: Uint8Array, name: string) => {
  try {
    return utf8.decode(data);
  } catch {
    throw new NanoError("malformed-request", `${name}: the request is not UTF-8`);
  }
};

/** Adds the service to a connection. Runs again after a connection was closed and made anew. */
export const addService = async (
  connection: NatsConnection,
  definition: ServiceDefinition,
  options: {
    log: Log;
    newRequestId: () => string;
    checkReplies: boolean;
    running: Set<Promise<void>>;
    endOfTurn: EndOfTurn;
  },
): Promise<Service> => {
  const figures = new Map<string, Figures>();
  const service = await connection.services.add({
    name: definition.name,
    version: definition.version,
    description: definition.description,
    queue: definition.queue,
    statsHandler: (endpoint) => Promise.resolve(figures.get(endpoint.subject) ?? {}),
  });

  const answer = async (endpoint: Endpoint, message: ServiceMsg, own: Figures): Promise<void> => {
    const started = performance.now();
    own.requests++;
    let requestId = "";
    try {
      if (options.running.size > maxInFlight)
        throw new NanoError("overloaded", `${definition.name} is working on ${maxInFlight} requests already`);
      const context = decodeContext(message.headers, options.newRequestId);
      requestId = context.requestId;
      authorize(endpoint.name, context);
      const { input, output } = operationOf(endpoint.name);
      const decoded = decode(input, parseObject(text(message.data, endpoint.name), endpoint.name), endpoint.name);
      const reply = shortened(output, await endpoint.handler(decoded, context));
      if (options.checkReplies && !fits(output, reply)) decode(output, reply, `The reply of ${endpoint.name}`);
      const encoded = encoder.encode(JSON.stringify(reply));
      await options.endOfTurn();
      message.respond(encoded);
    } catch (thrown) {
      own.errors++;
      const error = NanoError.from(thrown, `answering ${endpoint.name}`);
      if (errorDefinitions[error.code].status === 500)
        options.log.error(error.message, { operation: endpoint.name, requestId, error: error.cause ?? error });
      respondError(message, error);
    } finally {
      own.totalMs += performance.now() - started;
    }
  };

  for (const endpoint of definition.endpoints) {
    const name = endpoint.name.replaceAll(".", "-");
    const own: Figures = { requests: 0, errors: 0, totalMs: 0 };
    figures.set(endpoint.subject, own);
    const { summary, requires, rest } = operationOf(endpoint.name);
    service.addEndpoint(name, {
      subject: endpoint.subject,
      metadata: {
        operation: endpoint.name,
        summary,
        requires,
        ...(rest ? { rest: `${rest.method} ${rest.path}` } : {}),
      },
      handler: (error, message) => {
        if (error) return;
        const work = answer(endpoint, message, own).finally(() => options.running.delete(work));
        options.running.add(work);
      },
    });
  }
  return service;
};
