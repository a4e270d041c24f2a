/**
 * Where everything lives on the bus. For each identity, what it publishes and what it hears are different subjects;
 * `packages/bus/src/allow-lists.ts` turns them into permissions.
 *
 * | subject | published by | heard by |
 * |---|---|---|
 * | `nano.v1.<resource>.<verb>` | operators, and only they | the operation's owner |
 * | `nano.v1.call.<caller>.<owner>.<resource>.<verb>` | that caller: a door or a service | the owner |
 * | `nano.v1.cell.<cell>.<resource>.<verb>` | scheduler, gateway | that cell |
 * | `nano.v1.report.<cell>.<report>` | that cell | scheduler |
 * | `nano.v1.announce.<service>` | that service | scheduler, which puts the event into the stream |
 * | `nano.v1.event.<resource>.<id>.<what>` | scheduler | the stream `NANO_EVENTS`, operators |
 * | `nano.v1.feed` | the stream | doors |
 */
import type { CellId } from "./brand.ts";
import { subjectToken } from "./subject-token.ts";
import { type OperationName, type OperationsOf, operationOf } from "./table.ts";

type ZoneOperation = Exclude<OperationName, OperationsOf<"cell">>;

/** Words after `nano.v1.` that no resource may be called. */
export const reservedWords: readonly string[] = ["call", "report", "announce", "feed"];

/** Where an operator asks: `instance.create` → `nano.v1.instance.create` */
export const operationSubject = (name: ZoneOperation): string => `nano.v1.${name}`;

/**
 * Where a door or a service asks: `instance.create` by the gateway → `nano.v1.call.gateway.scheduler.instance.create`
 * @param caller its identity, or `*` to hear all of them
 */
export const callSubject = (caller: string, name: ZoneOperation): string =>
  `nano.v1.call.${caller === "*" ? caller : subjectToken(caller)}.${operationOf(name).owner}.${name}`;

/** `cell.instance.start` on one cell → `nano.v1.cell.<cellId>.instance.start` */
export const cellSubject = (cell: CellId, name: OperationsOf<"cell">): string =>
  `nano.v1.cell.${subjectToken(cell)}.${name.slice("cell.".length)}`;

/**
 * Where a service hands its events to the scheduler.
 * @param service its identity, or `*` to hear all of them
 */
export const announceSubject = (service: string): string =>
  `nano.v1.announce.${service === "*" ? service : subjectToken(service)}`;

/** The names of headers that carry a request's context. */
export const headerNames = {
  requestId: "Nano-Request-Id",
  actor: "Nano-Actor",
  idempotencyKey: "Idempotency-Key",
  /** Where the person's connection comes from, as the door saw it: for rate limits, never for trust. */
  clientAddress: "Nano-Client-Address",
  traceparent: "traceparent",
  error: "Nats-Service-Error",
  errorCode: "Nats-Service-Error-Code",
} as const;
