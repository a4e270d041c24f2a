/** Asking: one request, one reply, one deadline. */
import {
  defaultDeadlineMs,
  type Log,
  NanoError,
  type OperationName,
  operationOf,
  type QuietLog,
  serviceActor,
} from "@nano/contract";
import type { NatsConnection } from "nats";
import { encodeContext } from "./headers.ts";
import { readReply } from "./reply.ts";
import type { EndOfTurn } from "./turn.ts";
import type { CallContext } from "./types.ts";

const encoder = new TextEncoder();
/** How long to wait for an owner that is just restarting. Nothing was delivered, so asking again cannot do it twice. */
const patienceMs = 1_500;

export interface Caller {
  readonly name: string;
  readonly log: Log;
  /** For what a peer can do any number of times. */
  readonly quiet: QuietLog;
  newRequestId(): string;
  readonly endOfTurn: EndOfTurn;
  /** The open connection, waiting for it at most so long. @throws NanoError `unavailable` */
  connection(withinMs: number): Promise<NatsConnection>;
}

const codeOf = (thrown: unknown): string =>
  typeof thrown === "object" && thrown !== null && "code" in thrown ? String(thrown.code) : "";

/** @param to where the request goes, and who answers there: a service's name or a cell's id */
export const request = async (
  caller: Caller,
  name: OperationName,
  to: { readonly subject: string; readonly sender: string },
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
      return readReply(name, to.sender, await connection.request(to.subject, payload, { timeout, headers }));
    } catch (thrown) {
      if (thrown instanceof NanoError) {
        if (thrown.code === "bad-reply")
          caller.quiet.warn("bad-reply", `${to.sender} ${name}`, thrown.message, { problem: thrown.cause });
        throw thrown;
      }
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
