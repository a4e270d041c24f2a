/** What every answer carries, and what every change is checked for. */
import { NanoError } from "@nano/contract";

/**
 * No inline script or style, no `eval`, nothing from elsewhere. Uploads go straight to the image service, so its origin
 * may be connected to and posted to; `ws:`/`wss:` of our own origin is spelled out because not every browser counts it
 * as 'self'.
 */
export const contentSecurityPolicy = (imagesOrigin: string, ownHost: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self' ${imagesOrigin} ws://${ownHost} wss://${ownHost}`,
    `form-action 'self' ${imagesOrigin}`,
    "manifest-src 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

/** For what is no page: it runs nothing and is nobody's origin, even if a browser were to take it for one. */
export const sandboxed = (policy: string): string => `${policy}; sandbox`;

/** `Host` is the client's word; only what can be a host goes into a header. */
export const cleanHost = (host: string): string => (/^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? host : "localhost");

export const securityHeaders = (csp: string, secure: boolean): Record<string, string> => ({
  "Content-Security-Policy": csp,
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
  ...(secure ? { "Strict-Transport-Security": "max-age=31536000" } : {}),
});

/** Addresses that no name server can point elsewhere. */
const isLiteral = (hostname: string): boolean => hostname === "localhost" || /^[\d.]+$|^\[/.test(hostname);

/**
 * Whether the request's `Origin` is ours: the configured public URL, or, when the portal is used by a plain address,
 * that address. A name is believed only if it is configured: any other may have been made to point here by its owner
 * (DNS rebinding).
 */
export const isOwnOrigin = (origin: string, request: Request, publicUrl: string): boolean => {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  if (url.origin !== origin.toLowerCase()) return false;
  return (
    url.origin === new URL(publicUrl).origin || (isLiteral(url.hostname) && url.host === request.headers.get("host"))
  );
};

/**
 * Refuses a change that another site's page makes with our cookie. The session cookie is SameSite=Strict already; this
 * is the second lock, and it also covers login (where there is no cookie yet). A browser sends `Sec-Fetch-Site` or
 * `Origin` with every POST; who sends neither is no browser.
 * @throws NanoError `foreign-origin`
 */
export const refuseForeign = (request: Request, publicUrl: string): void => {
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  const foreign =
    (site !== null && site !== "same-origin" && site !== "none") ||
    (origin !== null && !isOwnOrigin(origin, request, publicUrl)) ||
    (site === null && origin === null && request.headers.has("cookie"));
  if (foreign) throw new NanoError("foreign-origin", "Refused a change that does not come from the portal's own pages");
};

/** Stands for wherever the portal is. */
const here = "http://portal.invalid";

/**
 * Path and query of an address that a browser, told to go there from a page of the portal, looks for at the portal:
 * what the URL standard makes of it counts, not how it is spelled (`/.//evil.test` becomes `//evil.test`, which is
 * another host).
 * @returns `undefined` when it leads away, or only may
 */
export const localPath = (address: string): string | undefined => {
  // Control characters are dropped by the standard, and backslashes are slashes to it: neither is in an address of
  // ours.
  if (address.length > 1024 || !/^\/[\x21-\x5b\x5d-\x7e]*$/.test(address)) return undefined;
  const url = URL.parse(address, here);
  if (url?.origin !== here || url.pathname.startsWith("//")) return undefined;
  const path = `${url.pathname}${url.search}`;
  return URL.parse(path, here)?.href === `${here}${path}` ? path : undefined;
};

/** A `next` that stays here, and is worth going to after logging in. Else the dashboard. */
export const safeNext = (next: string | null | undefined): string => {
  const path = localPath(next ?? "");
  return path === undefined || /^\/(login|logout|setup)(\/|\?|$)/.test(path) ? "/" : path;
};
