/**
 * Reading a reply. Whoever answers is believed as far as the contract goes: what does not fit its output is refused
 * here and goes no further, for a cell is somebody's host, and what it says reaches scripts, pages and databases.
 */
import {
  AnyObject,
  decode,
  fits,
  forPeople,
  fromHost,
  headerNames,
  isErrorCode,
  mayAnswer,
  NanoError,
  type OperationName,
  type Output,
  operationOf,
  wordsForPeople,
} from "@nano/contract";
import type { Msg } from "nats";

const details = AnyObject<Record<string, unknown>>("Facts for programs");
const factsOfHost = fromHost(details);
/** Of an error's sentences, in characters. */
const sentenceMax = 2_000;
/** Of what is logged about a reply; a wrong field's name is its sender's word. */
const problemMax = 300;

/** The cause of a `bad-reply`: what was wrong, for the log. */
const badReply = (name: OperationName, sender: string, problem: string): NanoError =>
  new NanoError("bad-reply", `${sender} gave ${name} an answer that does not fit the contract`, {
    details: { operation: name, sender },
    cause: problem.slice(0, problemMax),
  });

const sentence = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value.toWellFormed().slice(0, sentenceMax) : undefined;

/** As the sender said, as far as it can be said again. */
const errorOf = (value: unknown): NanoError | undefined => {
  const body: unknown = typeof value === "object" && value !== null && "error" in value ? value.error : undefined;
  if (typeof body !== "object" || body === null || !("code" in body) || !("message" in body)) return undefined;
  const message = sentence(body.message);
  if (typeof body.code !== "string" || message === undefined) return undefined;
  const remedy = "remedy" in body ? sentence(body.remedy) : undefined;
  const facts =
    "details" in body && fits(details, body.details) ? { details: wordsForPeople(factsOfHost, body.details) } : {};
  // A newer peer's code is unknown here: it becomes `internal`, and keeps its words.
  // Also of a peer that does not leave out what is its host's business.
  return new NanoError(isErrorCode(body.code) ? body.code : "internal", forPeople(message), {
    ...(remedy === undefined ? {} : { remedy: forPeople(remedy) }),
    ...facts,
  });
};

/**
 * @param sender the service's name or the cell's id
 * @throws NanoError as the owner answered; `bad-reply` when that does not fit the contract
 */
export const readReply = <N extends OperationName>(name: N, sender: string, reply: Msg): Output<N> => {
  let value: unknown;
  try {
    value = reply.json();
  } catch {
    throw badReply(name, sender, "it is not JSON");
  }
  const operation = operationOf(name);
  const { output } = operation;
  if (reply.headers?.get(headerNames.errorCode)) {
    const error = errorOf(value) ?? badReply(name, sender, "its error has no code");
    // A door would pass it on as its own word, with that code's advice.
    if (!mayAnswer(operation, error.code)) throw badReply(name, sender, `its error is ${error.code}: ${error.message}`);
    throw error;
  }
  if (fits(output, value)) return value as Output<N>;
  try {
    return decode(output, value, "The reply") as Output<N>;
  } catch (thrown) {
    throw badReply(name, sender, thrown instanceof NanoError ? thrown.message : "it cannot be read");
  }
};
