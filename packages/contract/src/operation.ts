/** The shape of one row of the contract table. Everything else about an operation is derived from it. */
import type { Static, TSchema } from "@sinclair/typebox";
import type { Requirement } from "./actor.ts";
import type { ErrorCode } from "./errors.ts";
import type { EventName } from "./events.ts";

export type Owner = "scheduler" | "images" | "gateway" | "cell";

export interface RestBinding {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /**
   * With `{name}` for inputs taken from the path; the other inputs come from the query (GET, DELETE) or the JSON body.
   */
  readonly path: `/api/v2/${string}`;
  /** Of the success: 200, 201 (with Location), 202 (a task, with Location), 204 (no body). */
  readonly status: 200 | 201 | 202 | 204;
  /** The reply's `base64` is sent as bytes of this type: the door's choice, never the sender's. */
  readonly binary?: "image/png";
  /** Of a list as a table (`Accept: text/plain`): the fields shown first, eight at most. Default: the first eight. */
  readonly columns?: readonly string[];
}

export interface Operation<I extends TSchema = TSchema, O extends TSchema = TSchema> {
  readonly owner: Owner;
  /** One line, imperative. */
  readonly summary: string;
  readonly description?: string;
  readonly input: I;
  readonly output: O;
  /** What it may answer beside the errors every operation shares (`commonErrors`). */
  readonly errors: readonly ErrorCode[];
  readonly requires: Requirement;
  readonly rest?: RestBinding;
  /** It changes something: POST, PUT, PATCH or DELETE over REST. */
  readonly changes: boolean;
  /** The reply is a task (or, dry, a plan): the work goes on after the reply. */
  readonly task?: true;
  readonly events: readonly EventName[];
  readonly example: { readonly input: Static<I>; readonly output: Static<O> };
  /**
   * The input that says for how long the answer may wait for something to happen: such a request does not count as
   * work.
   */
  readonly waits?: "waitSeconds";
  /** How long a caller waits at most, in milliseconds. 5,000 by default. */
  readonly deadlineMs?: number;
}

const keyReused: ErrorCode = "idempotency-key-reused";
/**
 * Whether a repetition with the same `Idempotency-Key` gets the first answer and has no second effect. What does not
 * take one either makes something new each time on purpose (a ticket, a session), or may be repeated as it is.
 */
export const takesIdempotencyKey = ({ errors }: Pick<Operation, "errors">): boolean => errors.includes(keyReused);

/**
 * Declares one operation; the compiler checks the example against the schemas. Every task is begun once for one
 * idempotency key.
 */
export const operation = <I extends TSchema, O extends TSchema, W extends Owner>(
  definition: Operation<I, O> & { readonly owner: W },
): Operation<I, O> & { readonly owner: W } =>
  definition.task && !takesIdempotencyKey(definition)
    ? { ...definition, errors: [...definition.errors, keyReused] }
    : definition;

/** Any operation may answer these. */
export const commonErrors: readonly ErrorCode[] = [
  "malformed-request",
  "invalid-input",
  "unauthenticated",
  "forbidden",
  "payload-too-large",
  "overloaded",
  "unavailable",
  "deadline-exceeded",
  "bad-reply",
  "internal",
];
/** Any operation of a cell may answer these, too: what is older than what it knows, and what its host refuses. */
export const cellErrors: readonly ErrorCode[] = ["stale-epoch", "hypervisor-failed", "instance-not-found", "disk-full"];
/** Who somebody is and what they may do is no cell's to say; whether a reply fits is the reader's. */
const notOfCells: ReadonlySet<ErrorCode> = new Set(["unauthenticated", "forbidden", "ticket-invalid", "bad-reply"]);

/** Whether its owner may answer this. Services are this zone's own; a cell is somebody's host, kept to the table. */
export const mayAnswer = ({ owner, errors }: Pick<Operation, "owner" | "errors">, code: ErrorCode): boolean =>
  owner !== "cell" || (!notOfCells.has(code) && [...commonErrors, ...cellErrors, ...errors].includes(code));

export const defaultDeadlineMs = 5_000;
