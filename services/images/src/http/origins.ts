/**
 * Whose pages may use this service from a browser: the portal's. Scripts of other sites get no CORS headers, and a
 * form's `next` leads nowhere else.
 */
const loopbackNames = ["127.0.0.1", "localhost", "[::1]"];

/** What a script may send beside the ordinary, and read of an answer: the tickets, and tus. */
const allowedHeaders =
  "authorization, content-type, tus-resumable, upload-offset, upload-length, upload-defer-length, upload-metadata, upload-checksum, x-http-method-override, x-request-id";
const exposedHeaders =
  "ETag, Location, Retry-After, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Defer-Length, Upload-Expires";

export interface Origins {
  /** CORS headers for this request; none for a foreign origin. */
  headersFor(request: Request): Readonly<Record<string, string>>;
  /** `next` as an absolute URL of the portal, or undefined when it would lead away from it. */
  next(text: string | undefined): URL | undefined;
}

/**
 * @param portalUrl on a loopback address it counts under all three of its names: to the person typing they are one site
 */
export const createOrigins = (portalUrl: string): Origins => {
  const portal = new URL(portalUrl);
  const allowed = new Set([portal.origin]);
  if (loopbackNames.includes(portal.hostname))
    for (const name of loopbackNames) {
      const alias = new URL(portal);
      alias.hostname = name;
      allowed.add(alias.origin);
    }
  return {
    headersFor(request) {
      const origin = request.headers.get("origin");
      if (origin === null || !allowed.has(origin)) return { vary: "Origin" };
      return {
        vary: "Origin",
        "access-control-allow-origin": origin,
        "access-control-expose-headers": exposedHeaders,
        ...(request.method === "OPTIONS"
          ? {
              "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
              "access-control-allow-headers": allowedHeaders,
              "access-control-max-age": "600",
            }
          : {}),
      };
    },
    next(text) {
      const url = text === undefined ? null : URL.parse(text, portalUrl);
      return url !== null && allowed.has(url.origin) && url.username === "" ? url : undefined;
    },
  };
};
