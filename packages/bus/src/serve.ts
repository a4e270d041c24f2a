/**
 * Serving operations, shown by the NATS services API (`micro.ts`).
 *
 * For every request: read the context, check the actor against the contract, decode the input, call the handler,
 * answer. An error is answered as JSON with the service error headers, and logged here, once, if nobody foresaw it.
 *
 * The subject tells where a request comes from, and that decides whose word about its actor counts. An operation is
 * heard on its own subject, which only operators may publish, and on one for each caller. What services ask each other
 * is heard only there.
 */
import {
  type Actor,
  bodyForPeople,
  callSubject,
  decode,
  ErrorRecord,
  errorDefinitions,
  fits,
  headerNames,
  isCutForPeople,
  type Log,
  mayDo,
  NanoError,
  type OperationName,
  type OperationsOf,
  operationOf,
  parseObject,
  type QuietLog,
  shortened,
  wordsForPeople,
} from "@nano/contract";
import { headers, type Msg, type NatsConnection, nuid, type Subscription } from "nats";
import { identityNames, isForOperators } from "./allow-lists.ts";
import { decodeContext, headerText, type Origin } from "./headers.ts";
import { askersOf, inboxGuard, tellDropped } from "./inboxes.ts";
import type { Load } from "./load.ts";
import { type EndpointFigures, type ShownEndpoint, showService } from "./micro.ts";
import type { EndOfTurn } from "./turn.ts";
import type { RequestContext } from "./types.ts";

/** Where `nano.v1.call.<caller>.…` names the caller. */
const callerToken = 3;

export interface Endpoint {
  readonly name: OperationName;
  /** Its own subject: an operator's, or a cell's. */
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

export interface ServiceOptions {
  readonly log: Log;
  readonly quiet: QuietLog;
  newRequestId(): string;
  readonly checkReplies: boolean;
  readonly running: Set<Promise<unknown>>;
  readonly load: Load;
  readonly endOfTurn: EndOfTurn;
}

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { fatal: true });

const respondError = (message: Msg, error: NanoError): void => {
  const told = headers();
  told.append(headerNames.errorCode, String(error.status));
  told.append(headerNames.error, headerText(error.message));
  message.respond(encoder.encode(JSON.stringify({ error: shortened(ErrorRecord, bodyForPeople(error)) })), {
    headers: told,
  });
};

/** Nobody foresaw it, or who asked is told less than there is to know. */
const isForLog = (error: NanoError): boolean => {
  if (errorDefinitions[error.code].status === 500 || error.code === "hypervisor-failed" || error.code === "disk-full")
    return true;
  return isCutForPeople(error);
};

const authorize = (name: OperationName, actor: Actor) => {
  const { requires } = operationOf(name);
  if (mayDo(actor, requires)) return;
  if (actor.kind === "anonymous") throw new NanoError("unauthenticated", `${name} needs to know who asks`);
  throw new NanoError("forbidden", `${actor.name} may not ${name}`, { details: { permission: requires } });
};

const text = (data: Uint8Array, name: string) => {
  try {
    return utf8.decode(data);
  } catch {
    throw new NanoError("malformed-request", `${name}: the request is not UTF-8`);
  }
};

const isOfZone = (name: OperationName): name is Exclude<OperationName, OperationsOf<"cell">> =>
  operationOf(name).owner !== "cell";

/** What a service does, however it is asked. */
export interface Performer {
  readonly definition: ServiceDefinition;
  figures(name: OperationName): EndpointFigures;
  /** @throws NanoError */
  perform(name: OperationName, data: Uint8Array, context: () => RequestContext): Promise<Uint8Array>;
}

export const createPerformer = (definition: ServiceDefinition, options: ServiceOptions): Performer => {
  const { running, load, log, quiet, checkReplies } = options;
  const endpoints = new Map(definition.endpoints.map((endpoint) => [endpoint.name, endpoint]));
  const allFigures = new Map<OperationName, EndpointFigures>();
  const figures = (name: OperationName): EndpointFigures => {
    const own = allFigures.get(name) ?? { requests: 0, errors: 0, totalMs: 0 };
    allFigures.set(name, own);
    return own;
  };
  const perform: Performer["perform"] = async (name, data, contextOf) => {
    const started = performance.now();
    const own = figures(name);
    own.requests++;
    let requestId = "";
    let leave = () => {};
    try {
      const context = contextOf();
      requestId = context.requestId;
      authorize(name, context.actor);
      const { input, output, waits } = operationOf(name);
      const decoded = decode(input, parseObject(text(data, name), name), name);
      const isWait = waits !== undefined && Number(Reflect.get(Object(decoded), waits) ?? 0) > 0;
      leave = load.enter(isWait ? "waiting" : "working", context, definition.name);
      const reply = wordsForPeople(
        output,
        shortened(output, await endpoints.get(name)?.handler(decoded, context)),
        // Lists are asked for again and again; a task's or record's own log has it, too.
        (full) =>
          quiet.warn(`cut ${name}`, JSON.stringify(full), "An answer told people less", {
            operation: name,
            requestId,
            full,
          }),
      );
      if (checkReplies && !fits(output, reply)) decode(output, reply, `The reply of ${name}`);
      return encoder.encode(JSON.stringify(reply));
    } catch (thrown) {
      own.errors++;
      const error = NanoError.from(thrown, `answering ${name}`);
      if (isForLog(error))
        log.error(error.message, { operation: name, requestId, details: error.details, error: error.cause ?? error });
      throw error;
    } finally {
      leave();
      own.totalMs += performance.now() - started;
    }
  };
  return {
    definition,
    figures,
    perform: (name, data, contextOf) => {
      const work = perform(name, data, contextOf);
      const under = work.catch(() => {}).finally(() => running.delete(under));
      running.add(under);
      return work;
    },
  };
};

/** Hears an owner's operations on a connection. @returns what ends that */
export const addService = (
  connection: NatsConnection,
  { definition, figures, perform }: Performer,
  options: ServiceOptions,
): { stop(): Promise<void> } => {
  const { queue } = definition;
  const dropped = (message: Msg): void => tellDropped(options.quiet, message.subject, message.reply);
  const answer = async (name: OperationName, message: Msg, origin: Origin): Promise<void> => {
    try {
      const reply = await perform(name, message.data, () =>
        decodeContext(message.headers, origin, options.newRequestId),
      );
      await options.endOfTurn();
      message.respond(reply);
    } catch (thrown) {
      respondError(message, NanoError.from(thrown, `answering ${name}`));
    }
  };
  const listen = (subject: string, receive: (message: Msg) => void): Subscription =>
    connection.subscribe(subject, { queue, callback: (error, message) => error ?? receive(message) });

  const subscriptions: Subscription[] = [];
  const shown: ShownEndpoint[] = [];
  for (const { name, subject } of definition.endpoints) {
    const { summary, requires, rest } = operationOf(name);
    if (isOfZone(name)) {
      const guards = new Map<string, (reply: string | undefined) => boolean>(
        identityNames.map((caller) => [caller, inboxGuard([caller])]),
      );
      subscriptions.push(
        listen(callSubject("*", name), (message) => {
          const caller = message.subject.split(".")[callerToken] ?? "";
          if (guards.get(caller)?.(message.reply) !== true) return dropped(message);
          void answer(name, message, { kind: "service" });
        }),
      );
    }
    if (!isOfZone(name) || isForOperators(name)) {
      const isInbox = inboxGuard(askersOf(subject));
      const origin: Origin = { kind: isOfZone(name) ? "operator" : "service" };
      subscriptions.push(
        listen(subject, (message) => {
          if (!isInbox(message.reply)) return dropped(message);
          void answer(name, message, origin);
        }),
      );
    }
    shown.push({
      name: name.replaceAll(".", "-"),
      subject: isOfZone(name) && !isForOperators(name) ? callSubject("*", name) : subject,
      queue,
      metadata: { operation: name, summary, requires, ...(rest ? { rest: `${rest.method} ${rest.path}` } : {}) },
      figures: figures(name),
    });
  }
  const { name, version, description } = definition;
  const started = new Date().toISOString();
  subscriptions.push(
    ...showService(connection, { id: nuid.next(), name, version, description, started, endpoints: shown }, dropped),
  );
  return {
    stop: async () => {
      await Promise.allSettled(subscriptions.map((subscription) => subscription.drain()));
    },
  };
};
