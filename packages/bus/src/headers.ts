/** A request's context as NATS headers. */
import {
  type Actor,
  anonymousActor,
  headerNames,
  isCredential,
  NanoError,
  operatorActor,
  permissions,
} from "@nano/contract";
import { headers, type MsgHdrs } from "nats";
import type { RequestContext } from "./types.ts";

/** Header values are ASCII by NATS' ADR-4; JSON stays JSON with its other characters escaped. */
const ascii = (json: string) =>
  json.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
const kinds: readonly string[] = ["user", "service", "operator", "anonymous"] satisfies Actor["kind"][];
/** The same few actors ask all the time, and each is one object for as long as its door remembers it. */
const written = new WeakMap<Actor, string>();
const encodeActor = (actor: Actor): string => {
  const known = written.get(actor);
  if (known !== undefined) return known;
  const text = ascii(JSON.stringify(actor));
  written.set(actor, text);
  return text;
};
/** A sentence as a header value: one line of ASCII. */
export const headerText = (sentence: string): string => sentence.replace(/[^\x20-\x7e]+/g, " ").slice(0, 200);
const printable = /^[\x21-\x7e]{1,128}$/;

export const encodeContext = (context: RequestContext): MsgHdrs => {
  // `append`, as nothing is there yet: `set` looks for what it would replace.
  const result = headers();
  result.append(headerNames.requestId, context.requestId);
  result.append(headerNames.actor, encodeActor(context.actor));
  if (context.idempotencyKey) result.append(headerNames.idempotencyKey, context.idempotencyKey);
  if (context.traceparent) result.append(headerNames.traceparent, context.traceparent);
  if (context.clientAddress) result.append(headerNames.clientAddress, context.clientAddress);
  return result;
};

/**
 * How a request came, by the subject it was sent to. `operator`: on an operation's own subject, which only holders of
 * the operator's credentials may publish. `service`: on a subject of a door, a service or a cell.
 */
export interface Origin {
  readonly kind: "operator" | "service";
}

const readActor = (json: string): Actor | undefined => {
  try {
    const value: unknown = JSON.parse(json);
    if (
      typeof value === "object" &&
      value !== null &&
      "kind" in value &&
      "id" in value &&
      "name" in value &&
      "permissions" in value
    ) {
      const { kind, id, name, permissions: held } = value;
      if (
        typeof kind === "string" &&
        kinds.includes(kind) &&
        typeof id === "string" &&
        typeof name === "string" &&
        Array.isArray(held)
      ) {
        const known = held.filter(
          (p): p is Actor["permissions"][number] =>
            p === "*" || (typeof p === "string" && Object.hasOwn(permissions, p)),
        );
        if (kind === "anonymous") return anonymousActor;
        const group = "group" in value && typeof value.group === "string" ? { group: value.group } : {};
        const credential =
          "credential" in value && isCredential(value.credential) ? { credential: value.credential } : {};
        return { kind: kind as Actor["kind"], id, name, ...group, ...credential, permissions: known };
      }
    }
  } catch {
    // Falls through: whoever sends a broken actor is not trusted to be anyone.
  }
  return undefined;
};

const decodeActor = (json: string, { kind: origin }: Origin): Actor => {
  if (json === "" && origin === "operator") return operatorActor;
  if (json === "") throw new NanoError("unauthenticated", `A service's request needs the ${headerNames.actor} header`);
  const actor = readActor(json);
  if (!actor) throw new NanoError("unauthenticated", `The ${headerNames.actor} header is not an actor`);
  if (actor.kind === "operator" && origin !== "operator")
    throw new NanoError("unauthenticated", "An operator asks on the operation's own subject, not through a service");
  return actor;
};

/**
 * Reads the context of a request. Who asks on an operator's subject and names no actor is the operator.
 * @throws NanoError `unauthenticated` for a broken actor, none, or one that does not come this way, `malformed-request` for a key that is no key
 */
export const decodeContext = (
  from: MsgHdrs | undefined,
  origin: Origin,
  newRequestId: () => string,
): RequestContext => {
  const get = (name: string) => from?.get(name) ?? "";
  const requestId = get(headerNames.requestId);
  const idempotencyKey = get(headerNames.idempotencyKey);
  const traceparent = get(headerNames.traceparent);
  const clientAddress = get(headerNames.clientAddress);
  if (idempotencyKey !== "" && !printable.test(idempotencyKey))
    throw new NanoError("malformed-request", "The Idempotency-Key must be 1 to 128 printable ASCII characters");
  return {
    requestId: printable.test(requestId) ? requestId : newRequestId(),
    actor: decodeActor(get(headerNames.actor), origin),
    ...(idempotencyKey === "" ? {} : { idempotencyKey }),
    ...(printable.test(traceparent) ? { traceparent } : {}),
    ...(printable.test(clientAddress) ? { clientAddress } : {}),
  };
};
