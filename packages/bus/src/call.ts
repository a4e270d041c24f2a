/** Asking: one request, one reply, one deadline. */
import {
  defaultDeadlineMs,
  headerNames,
  type Log,
  NanoError,
  type OperationName,
  operationOf,
  serviceActor,
} from "@nano/contract";
import type { Msg, NatsConnection } from "nats";
import { encodeContext } from "./headers.ts";
import type { EndOfTurn } from "./turn.ts";
import type { CallContext } from "./types.ts";

const encoder = new TextEncoder();
/** How long to wait for an owner that is just restarting. Nothing was delivered, so asking again cannot do it twice. */
const patienceMs = 1_500;

export interface Caller {
  readonly name: string;
  readonly log: Log;
  newRequestId(): string;
  readonly endOfTurn: EndOfTurn;
  /** The open connection, waiting for it at most so long. @throws NanoError `unavailable` */
  connection(withinMs: number): Promise<NatsConnection>;
}

const codeOf = (thrown: unknown): string =>
  typeof thrown === "object" && thrown !== null && "code" in thrown ? String(thrown.code) : "";

const readReply = (name: OperationName, reply: Msg): unknown => {
  let value: unknown;
  try {
    value = reply.json();
  } catch (cause) {
    throw new NanoError("internal", `The owner of ${name} answered something that is not JSON`, { cause });
  }
  if (!reply.headers?.get(headerNames.errorCode)) return value;
  const body = typeof value === "object" && value !== null && "error" in value ? value.error : undefined;
  if (typeof body === "object" && body !== null && "code" in body && "message" in body)
    throw NanoError.fromBody({
      code: String(body.code),
      message: String(body.message),
      ...("remedy" in body ? { remedy: String(body.remedy) } : {}),
      ...("details" in body && typeof body.details === "object" && body.details !== null
        ? { details: body.details as Record<string, unknown> }
        : {}),
    });
  throw new NanoError("internal", `The owner of ${name} failed: ${reply.headers.get(headerNames.error)}`);
};

export const request = async (
  caller: Caller,
  name: OperationName,
  subject: string,
  input: unknown,
  context: CallContext = {},
): Promise<unknown> => {
  const deadline = performance.now() + (context.deadlineMs ?? operationOf(name).deadlineMs ?? defaultDeadlineMs);
  const patience = Math.min(deadline, performance.now() + patienceMs);
  const headers = encodeContext({
    requestId: context.requestId ?? caller.newRequestId(),
    actor: context.actor ?? serviceActor(caller.name),
    ...(context.idempotencyKey === undefined ? {} : { idempotencyKey: context.idempotencyKey }),
    ...(context.traceparent === undefined ? {} : { traceparent: context.traceparent }),
    ...(context.clientAddress === undefined ? {} : { clientAddress: context.clientAddress }),
  });
  const payload = encoder.encode(JSON.stringify(input));
  for (;;) {
    await caller.endOfTurn();
    const connection = await caller.connection(patience - performance.now());
    try {
      const timeout = Math.max(1, Math.ceil(deadline - performance.now()));
      return readReply(name, await connection.request(subject, payload, { timeout, headers }));
    } catch (thrown) {
      if (thrown instanceof NanoError) throw thrown;
      switch (codeOf(thrown)) {
        case "503": // nobody serves the subject just now
          if (performance.now() < patience) {
            await Bun.sleep(50);
            continue;
          }
          throw new NanoError("unavailable", `Nobody on the bus answers ${name}`, { details: { operation: name } });
        case "TIMEOUT":
          throw new NanoError("deadline-exceeded", `${name} was not answered in time`, {
            details: { operation: name },
          });
        case "MAX_PAYLOAD_EXCEEDED":
          throw new NanoError("payload-too-large", `The request ${name} is larger than the bus carries`);
        case "PERMISSIONS_VIOLATION":
          throw new NanoError("forbidden", `${caller.name} may not send ${name} on the bus`, { cause: thrown });
        default:
          throw new NanoError("unavailable", `The bus went away while ${name} was under way`, { cause: thrown });
      }
    }
  }
};
