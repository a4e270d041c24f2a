/**
 * Who is at the door. A bearer token (or a session's secret) in `Authorization`, or the portal's cookie. The cookie
 * travels by itself, so a change asked for with it must come from one of our own pages; a bearer token does not, so it
 * may come from anywhere.
 */
import { type Actor, anonymousActor, cookieName, NanoError } from "@nano/contract";
import type { Recognized } from "../people/recognize.ts";

/** What the cookie is called in a zone whose portal is there. */
export const sessionCookieOf = (webUrl: string): string => cookieName("nano_session", webUrl);

export interface Caller {
  readonly actor: Actor;
  readonly via: "bearer" | "cookie" | "nothing";
  /** The secret of the cookie's session. */
  readonly session?: string;
}

export type Recognize = (secret: string) => Promise<Recognized | undefined>;

const secretShape = /^[A-Za-z0-9_-]{16,256}$/;

export const cookieOf = (request: Request, name: string): string | undefined => {
  for (const pair of (request.headers.get("cookie") ?? "").split(";")) {
    const equals = pair.indexOf("=");
    if (pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    if (secretShape.test(value)) return value;
  }
  return undefined;
};

/**
 * @param cookie the name of the session's
 * @throws NanoError `unauthenticated` for a bearer that is not known; an ended cookie session is just nobody, who may
 * log in.
 */
export const identify = async (request: Request, recognize: Recognize, cookie: string): Promise<Caller> => {
  const authorization = request.headers.get("authorization");
  if (authorization !== null) {
    const secret = /^Bearer +(\S+)$/i.exec(authorization.trim())?.[1];
    const found = secret !== undefined && secretShape.test(secret) ? await recognize(secret) : undefined;
    if (!found) throw new NanoError("unauthenticated", "The bearer token is unknown or has expired");
    return { actor: found.actor, via: "bearer" };
  }
  const session = cookieOf(request, cookie);
  const found = session === undefined ? undefined : await recognize(session);
  return found && session !== undefined
    ? { actor: found.actor, via: "cookie", session }
    : { actor: anonymousActor, via: "nothing" };
};

/** @throws NanoError `foreign-origin` when a change comes, or may come, from another site's page. */
export const refuseForeign = (request: Request, caller: Caller, origins: ReadonlySet<string>): void => {
  if (caller.via === "bearer") return;
  const origin = request.headers.get("origin");
  if (origin !== null) {
    if (origins.has(origin)) return;
    throw new NanoError("foreign-origin", "The change was asked for by another site's page");
  }
  if (caller.via === "nothing" || request.headers.get("sec-fetch-site") === "same-origin") return;
  throw new NanoError("foreign-origin", "A change with a cookie needs an Origin header");
};
