/**
 * `/api`, `/swagger` and their like go to the gateway as they are, so that a browser needs only the portal's port.
 * Bodies are streamed.
 */
import { NanoError } from "@nano/contract";
import { whyFailed } from "@nano/http";
import { isOwnOrigin } from "./security.ts";

const forwarded = /^\/(api|swagger)(\/|$)/;
export const isForwarded = (pathname: string): boolean => forwarded.test(pathname);

/** Of one connection, not of the message (RFC 9110 §7.6.1), or ours to set. */
const hopByHop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
  "content-length",
];

/** @throws NanoError `unavailable` when the gateway cannot be reached */
export const forward = async (
  request: Request,
  address: string | undefined,
  urls: { webUrl: string; gatewayUrl: string },
): Promise<Response> => {
  const url = new URL(request.url);
  const headers = new Headers(request.headers);
  for (const name of hopByHop) headers.delete(name);
  headers.delete("accept-encoding");
  // What the browser says of itself ends here: the gateway believes the portal.
  for (const name of ["forwarded", "x-forwarded-for"]) headers.delete(name);
  if (address) headers.set("X-Forwarded-For", address);
  // A page of ours stays ours under whatever name the browser reached us; a foreign origin stays foreign, and is
  // refused there.
  const origin = request.headers.get("origin");
  if (origin !== null && isOwnOrigin(origin, request, urls.webUrl)) headers.set("Origin", new URL(urls.webUrl).origin);
  let answer: Response;
  try {
    answer = await fetch(`${urls.gatewayUrl}${url.pathname}${url.search}`, {
      method: request.method,
      headers,
      body: request.body,
      redirect: "manual",
      signal: request.signal,
    });
  } catch (cause) {
    throw new NanoError("unavailable", `The gateway cannot be reached: ${whyFailed(cause)}`, { cause });
  }
  const back = new Headers(answer.headers);
  for (const name of [...hopByHop, "content-encoding"]) back.delete(name);
  return new Response(answer.body, { status: answer.status, headers: back });
};
