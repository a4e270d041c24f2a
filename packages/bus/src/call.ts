/** Asking: one request, one reply, one deadline. */
import {
  bodyForPeople,
  defaultDeadlineMs,
  type Log,
  NanoError,
  type OperationName,
  type Output,
  operationOf,
  operatorActor,
  type QuietLog,
  serviceActor,
} from "@nano/contract";
import type { NatsConnection } from "nats";
import { operatorName } from "./allow-lists.ts";
import { encodeContext } from "./headers.ts";
import { readReply } from "./reply.ts";
import type { Performer } from "./serve.ts";
import type { EndOfTurn } from "./turn.ts";
import type { CallContext, RequestContext } from "./types.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
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

const encodeInput = (input: unknown) => encoder.encode(JSON.stringify(input));
const deadlineOf = (name: OperationName, { deadlineMs }: CallContext): number =>
  deadlineMs ?? operationOf(name).deadlineMs ?? defaultDeadlineMs;
const tooLate = (name: OperationName) =>
  new NanoError("deadline-exceeded", `${name} was not answered in time`, { details: { operation: name } });

/** A context as it is sent: a caller without an actor asks as itself. */
const contextOf = (caller: Pick<Caller, "name" | "newRequestId">, given: CallContext): RequestContext => {
  const { deadlineMs: _, ...said } = given;
  const self = caller.name === operatorName ? operatorActor : serviceActor(caller.name);
  return { ...said, requestId: said.requestId ?? caller.newRequestId(), actor: said.actor ?? self };
};

/**
 * Asks a service of this process: for it, its own subjects are not to be published. What comes back is JSON's, as it
 * would be over the bus.
 */
export const requestHere = async <N extends OperationName>(
  caller: Pick<Caller, "name" | "newRequestId">,
  performer: Performer,
  name: N,
  input: unknown,
  given: CallContext = {},
): Promise<Output<N>> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooLate(name)), deadlineOf(name, given));
  try {
    const reply = await Promise.race([
      performer.perform(name, encodeInput(input), () => contextOf(caller, given)),
      late,
    ]);
    // Its own service has made it, and encoded it a moment ago.
    return JSON.parse(decoder.decode(reply)) as Output<N>;
  } catch (thrown) {
    // It was logged whole where it was answered.
    throw thrown instanceof NanoError ? NanoError.fromBody(bodyForPeople(thrown)) : thrown;
  } finally {
    clearTimeout(timer);
  }
};

/** @param to where the request goes, and who answers there: a service's name or a cell's id */
export const request = async <N extends OperationName>(
  caller: Caller,
  name: N,
  to: { readonly subject: string; readonly sender: string },
  input: unknown,
  given: CallContext = {},
): Promise<Output<N>> => {
  const deadline = performance.now() + deadlineOf(name, given);
  const patience = Math.min(deadline, performance.now() + patienceMs);
  const headers = encodeContext(contextOf(caller, given));
  const payload = encodeInput(input);
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
          throw tooLate(name);
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
