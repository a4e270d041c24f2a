/**
 * What a request is for. The runtime puts `Host` into the URL as it came: junk there makes a URL that cannot be read,
 * and an exception far from its cause.
 */
import { NanoError } from "@nano/contract";

/** RFC 9110 §7.2: a name or address, and perhaps a port; underscores because people have them in names of hosts. */
const hostShape = /^(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255})(?::\d{1,5})?$/i;

const isDecodable = (path: string): boolean => {
  try {
    return !decodeURIComponent(path).includes("\0");
  } catch {
    return false;
  }
};

/**
 * @throws NanoError `malformed-request`: no `Host`, several, or junk; a target that is no path; a path that cannot be
 * decoded
 */
export const urlOf = (request: Request): URL => {
  const host = request.headers.get("host") ?? "";
  const refuse = (what: string) =>
    new NanoError("malformed-request", what, { remedy: "Send a well-formed HTTP request." });
  if (!hostShape.test(host)) throw refuse("The request has no Host header, or not one host name or address");
  const url = URL.parse(request.url);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw refuse("The request is not for an address of this service");
  if (!isDecodable(url.pathname)) throw refuse("The path is not percent-encoded UTF-8");
  return url;
};
